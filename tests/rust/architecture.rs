//! The table of src-tauri/ARCHITECTURE.md: which crate may use which.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Crate, and the crates of ours it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("kernels", &[]),
    ("quant", &["kernels"]),
    ("text", &[]),
    ("model", &["kernels", "quant"]),
    // What the engine reads of files it reads through the model.
    ("engine", &["model", "text"]),
    ("library", &[]),
    ("data", &["text", "library"]),
    ("train", &["model", "text", "data", "library"]),
    ("eval", &["engine", "text", "data", "library"]),
    (
        "export",
        &[
            "model", "engine", "quant", "text", "data", "eval", "library",
        ],
    ),
    (
        "api",
        &[
            "kernels", "quant", "text", "model", "engine", "library", "data", "train", "eval",
            "export",
        ],
    ),
    // Makes the embedded model; no part of the program uses it.
    (
        "starter",
        &["kernels", "text", "model", "engine", "library", "train"],
    ),
    ("server", &["api"]),
    ("cli", &["api", "server"]),
];

/// What only some may know: dependency (a prefix), and who.
const RESERVED: &[(&str, &[&str])] = &[
    ("tauri", &["neuralchat"]),
    ("rfd", &["neuralchat"]),
    (
        "candle",
        &["nc-quant", "nc-model", "nc-engine", "nc-train", "nc-export"],
    ),
    ("rusqlite", &["nc-library"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(super::root())
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .expect("cargo describes the workspace")
}

/// Every edge of shipped code: package, dependency. Tests may look anywhere.
fn edges() -> Vec<(String, String)> {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    packages
        .iter()
        .filter(|package| package.name != "nc-tests")
        .flat_map(|package| {
            package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind != DependencyKind::Development)
                .map(|dependency| (package.name.to_string(), dependency.name.clone()))
        })
        .collect()
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let edges = edges();
    let ours = edges.iter().filter(|(_, to)| to.starts_with("nc-"));
    let mut seen = 0;
    for (from, to) in ours {
        seen += 1;
        let to = &to["nc-".len()..];
        let allowed: &[&str] = match from.strip_prefix("nc-") {
            None => &["api", "server"],
            Some(name) => {
                ALLOWED
                    .iter()
                    .find(|(allowed, _)| *allowed == name)
                    .unwrap_or_else(|| panic!("nc-{name} is not in the table"))
                    .1
            }
        };
        assert!(allowed.contains(&to), "{from} may not use nc-{to}");
    }
    assert!(
        seen >= 8,
        "only {seen} edges were found: the test looks at nothing"
    );
}

#[test]
fn reserved_dependencies_stay_where_they_belong() {
    for (from, to) in edges() {
        for (prefix, owners) in RESERVED {
            if to == *prefix || to.starts_with(&format!("{prefix}-")) {
                assert!(owners.contains(&from.as_str()), "{from} may not know {to}");
            }
        }
    }
}

#[test]
fn unsafe_code_is_allowed_in_the_kernels_only() {
    let crates = super::root().join("src-tauri");
    let mut folders = vec![crates];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the sources list") {
            let path = entry.expect("the sources list").path();
            if path.is_dir() {
                // Tests may count allocations; what is shipped may not.
                if path.file_name().is_some_and(|name| name != "tests") {
                    folders.push(path);
                }
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).expect("the sources read");
            let allows = text.contains("allow(unsafe_code");
            let kernels = path.components().any(|part| part.as_os_str() == "kernels");
            assert!(!allows || kernels, "{} allows unsafe code", path.display());
        }
    }
    assert!(files > 50, "only {files} files were read");
}
