//! The page's types, written from the Rust ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ts_rs::{Config, TS, TypeVisitor};

use crate::dto::NumberedEvent;
use crate::list::declare_commands;
use crate::{ApiError, list};

/// Collects types and commands; each type is declared once, in alphabetical order.
pub(crate) struct Declarations {
    config: Config,
    types: BTreeMap<String, String>,
    commands: String,
}

impl Declarations {
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn add<T: TS + 'static + ?Sized>(&mut self) {
        if T::output_path().is_some() {
            let name = T::ident(&self.config);
            if self.types.contains_key(&name) {
                return;
            }
            let text = format!(
                "{}export {}\n",
                T::docs().unwrap_or_default(),
                T::decl(&self.config)
            );
            self.types.insert(name, text);
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }

    pub(crate) fn command(&mut self, name: &str, about: &str, request: String, response: String) {
        let about = about.trim();
        writeln!(
            self.commands,
            "  /** {about} */\n  {name}: {{ request: {request}; response: {response} }};"
        )
        .expect("writing to a string does not fail");
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.add::<T>();
    }
}

/// The text of `ui/src/backend/types.ts`.
pub fn typescript() -> String {
    let mut declarations = Declarations {
        config: Config::new().with_large_int("number"),
        types: BTreeMap::new(),
        commands: String::new(),
    };
    declare_commands(&mut declarations);
    declarations.add::<ApiError>();
    declarations.add::<NumberedEvent>();
    let mut text =
        String::from("// Written by `neuralchat-cli types` from the Rust types; do not edit.\n\n");
    for declaration in declarations.types.values() {
        text.push_str(declaration);
        text.push('\n');
    }
    let count = list::COMMANDS.len();
    write!(
        text,
        "/** The {count} commands: name, request, response. */\nexport interface Commands {{\n{}}}\n",
        declarations.commands
    )
    .expect("writing to a string does not fail");
    text
}
