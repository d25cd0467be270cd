//! The tree against a plain model of it, over random sequences of adding, choosing and forking.

use proptest::prelude::*;

use super::{begin, in_memory, message};
use crate::{Library, MessageState};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Under the message of this place in the tree, or as a new root.
    Add(Option<prop::sample::Index>),
    Select(prop::sample::Index),
    /// The path up to a message becomes a chat, which the next steps go on with.
    Fork(prop::sample::Index),
    /// Back to the chat before the last fork.
    Return,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<prop::sample::Index>().prop_map(|at| Step::Add(Some(at))),
        1 => Just(Step::Add(None)),
        3 => any::<prop::sample::Index>().prop_map(Step::Select),
        1 => any::<prop::sample::Index>().prop_map(Step::Fork),
        1 => Just(Step::Return),
    ]
}

/// A message of the model: its id, its parent's, its content.
#[derive(Debug, Clone, PartialEq)]
struct Node {
    id: i64,
    parent: Option<i64>,
    content: String,
}

#[derive(Debug)]
struct Tree {
    chat: i64,
    nodes: Vec<Node>,
    leaf: Option<i64>,
}

impl Tree {
    fn path_to(&self, end: Option<i64>) -> Vec<&Node> {
        let mut path: Vec<&Node> = Vec::new();
        let mut next = end;
        while let Some(id) = next {
            let node = self.nodes.iter().find(|node| node.id == id).unwrap();
            path.push(node);
            next = node.parent;
        }
        path.reverse();
        path
    }

    fn children(&self, parent: Option<i64>) -> Vec<i64> {
        self.nodes
            .iter()
            .filter(|node| node.parent == parent)
            .map(|node| node.id)
            .collect()
    }

    fn agrees_with(&self, library: &Library) {
        assert_eq!(library.chat(self.chat).unwrap().leaf, self.leaf);
        let tree = library.tree(self.chat).unwrap();
        let kept = tree
            .iter()
            .map(|row| (row.id, row.parent, row.content.as_str()));
        let expected = self
            .nodes
            .iter()
            .map(|node| (node.id, node.parent, node.content.as_str()));
        assert!(kept.eq(expected), "{tree:?}");
        let path = library.path(self.chat).unwrap();
        let expected = self.path_to(self.leaf);
        assert_eq!(path.len(), expected.len());
        for (found, node) in path.iter().zip(expected) {
            assert_eq!(
                (found.row.id, found.row.parent, found.row.chat_id),
                (node.id, node.parent, self.chat)
            );
            assert_eq!(found.row.content, node.content);
            assert_eq!(found.siblings, self.children(node.parent));
        }
    }
}

fn run(steps: &[Step]) {
    let library = in_memory();
    let new = |title: &str| Tree {
        chat: begin(&library, title).id,
        nodes: Vec::new(),
        leaf: None,
    };
    let mut trees = vec![new("first")];
    for (number, &step) in steps.iter().enumerate() {
        let tree = trees.last_mut().unwrap();
        match step {
            Step::Add(at) => {
                let parent = at
                    .filter(|_| !tree.nodes.is_empty())
                    .map(|at| at.get(&tree.nodes).id);
                let content = format!("message {number}");
                let row = library
                    .add_message(&message(
                        tree.chat,
                        parent,
                        &content,
                        MessageState::Complete,
                    ))
                    .unwrap();
                tree.nodes.push(Node {
                    id: row.id,
                    parent,
                    content,
                });
                tree.leaf = Some(row.id);
            }
            Step::Select(at) if !tree.nodes.is_empty() => {
                let mut end = at.get(&tree.nodes).id;
                library.select(tree.chat, end).unwrap();
                while let Some(&newest) = tree.children(Some(end)).last() {
                    end = newest;
                }
                tree.leaf = Some(end);
            }
            Step::Fork(at) if !tree.nodes.is_empty() => {
                let end = at.get(&tree.nodes).id;
                let path: Vec<String> = tree
                    .path_to(Some(end))
                    .iter()
                    .map(|node| node.content.clone())
                    .collect();
                let copy = library.fork(tree.chat, end, "fork").unwrap();
                assert_eq!(library.chat(copy.id).unwrap(), copy);
                let rows = library.tree(copy.id).unwrap();
                assert_eq!(
                    rows.iter()
                        .map(|row| row.content.clone())
                        .collect::<Vec<_>>(),
                    path
                );
                let mut nodes: Vec<Node> = Vec::new();
                for row in rows {
                    let parent = nodes.last().map(|node| node.id);
                    nodes.push(Node {
                        id: row.id,
                        parent,
                        content: row.content,
                    });
                }
                let leaf = nodes.last().map(|node| node.id);
                trees.push(Tree {
                    chat: copy.id,
                    nodes,
                    leaf,
                });
            }
            Step::Return if trees.len() > 1 => trees.rotate_right(1),
            Step::Select(_) | Step::Fork(_) | Step::Return => {}
        }
        for tree in &trees {
            tree.agrees_with(&library);
        }
    }
    // Every chat is found by its own words, and by no others'.
    for tree in &trees {
        for node in &tree.nodes {
            let found = library.chats(&node.content).unwrap();
            assert!(
                found.iter().any(|found| found.chat.id == tree.chat),
                "{}",
                node.content
            );
        }
    }
    assert_eq!(super::integrity(&library), "ok");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_keeps_its_shape(steps in prop::collection::vec(step(), 1..40)) {
        run(&steps);
    }
}

#[test]
fn choosing_a_version_shows_what_was_last_said_under_it() {
    let library = in_memory();
    let chat = begin(&library, "chat").id;
    let say = |parent, content| super::say(&library, chat, parent, content).id;
    let question = say(None, "question");
    let first = say(Some(question), "first answer");
    let more = say(Some(first), "more");
    let second = say(Some(question), "second answer");
    let older = say(Some(more), "older end");
    let newer = say(Some(more), "newer end");
    let other_question = say(None, "the question, edited");
    for (chosen, path) in [
        (second, vec![question, second]),
        (first, vec![question, first, more, newer]),
        (question, vec![question, second]),
        (older, vec![question, first, more, older]),
        (more, vec![question, first, more, newer]),
        (other_question, vec![other_question]),
    ] {
        library.select(chat, chosen).unwrap();
        assert_eq!(super::path_ids(&library, chat), path, "choosing {chosen}");
    }
}

#[test]
fn a_fork_is_independent_and_keeps_what_was_known() {
    let library = in_memory();
    let chat = begin(&library, "source").id;
    library
        .configure_chat(chat, &serde_json::json!({"seed": 7}))
        .unwrap();
    let root = super::say(&library, chat, None, "root");
    let mut answer = message(chat, Some(root.id), "half an ans", MessageState::Writing);
    answer.model_name = Some("Starter".into());
    let answer = library.add_message(&answer).unwrap();
    let before = (library.chat(chat).unwrap(), library.tree(chat).unwrap());

    let copy = library.fork(chat, answer.id, "copy").unwrap();
    assert_eq!(
        (copy.title.as_str(), &copy.settings),
        ("copy", &serde_json::json!({"seed": 7}))
    );
    assert_eq!(
        (library.chat(chat).unwrap(), library.tree(chat).unwrap()),
        before
    );
    let rows = library.tree(copy.id).unwrap();
    assert_eq!(
        rows[1].state,
        MessageState::Interrupted,
        "nobody goes on writing the copy"
    );
    assert_eq!(rows[1].model_name, answer.model_name);
    assert_eq!(rows[1].created_at, answer.created_at);

    library.append_message(answer.id, "wer").unwrap();
    assert_eq!(library.tree(copy.id).unwrap(), rows);
    super::say(&library, copy.id, copy.leaf, "on another way");
    assert_eq!(library.tree(chat).unwrap().len(), 2);
    let found = library.chats("half an").unwrap();
    assert_eq!(
        found.iter().map(|found| found.chat.id).collect::<Vec<_>>(),
        [copy.id]
    );
}
