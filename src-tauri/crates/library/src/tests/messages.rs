//! Messages: what is kept of them, streaming, and picking up after a crash.

use serde_json::json;

use super::{begin, in_memory, message, path_ids, say};
use crate::{Library, LibraryError, MessageState, MessageUpdate, NewMessage, Role};

fn finds(library: &Library, search: &str) -> bool {
    !library.chats(search).unwrap().is_empty()
}

#[test]
fn a_message_comes_back_as_it_was_added() {
    let library = in_memory();
    let chat = begin(&library, "chat");
    let mut parent = None;
    for &state in MessageState::ALL {
        for &role in Role::ALL {
            let content = format!("{state:?} {role:?} \0 \" 漢字 🙂\r\n");
            let model_name = Some("Starter".to_owned());
            let new = NewMessage {
                chat_id: chat.id,
                parent,
                role,
                content,
                state,
                model_name,
            };
            let row = library.add_message(&new).unwrap();
            assert_eq!(
                (row.chat_id, row.parent, row.role, row.state),
                (chat.id, parent, role, state)
            );
            assert_eq!(
                (&row.content, &row.model_name),
                (&new.content, &new.model_name)
            );
            assert_eq!((&row.stats, &row.error), (&None, &None));
            assert_eq!(library.message(row.id).unwrap(), row);
            let after = library.chat(chat.id).unwrap();
            assert_eq!(
                (after.leaf, &after.updated_at),
                (Some(row.id), &row.created_at)
            );
            parent = Some(row.id);
        }
    }
}

#[test]
fn a_parent_must_be_of_the_same_chat() {
    let library = in_memory();
    let (one, other) = (begin(&library, "one").id, begin(&library, "other").id);
    let elsewhere = say(&library, other, None, "elsewhere").id;
    let before = library.chat(one).unwrap();
    for parent in [elsewhere, 404, -1] {
        let result = library.add_message(&message(one, Some(parent), "x", MessageState::Complete));
        let named = matches!(&result, Err(LibraryError::NotInChat { message, chat }) if (*message, *chat) == (parent, one));
        assert!(named, "{result:?}");
        assert!(matches!(
            library.select(one, parent),
            Err(LibraryError::NotInChat { .. })
        ));
        assert!(matches!(
            library.fork(one, parent, "x"),
            Err(LibraryError::NotInChat { .. })
        ));
    }
    assert_eq!(library.chat(one).unwrap(), before);
    assert_eq!(
        library.chats("").unwrap().len(),
        2,
        "a fork that failed leaves no chat behind"
    );
}

#[test]
fn streamed_text_is_appended_and_indexed_when_it_ends() {
    let library = in_memory();
    let chat = begin(&library, "chat").id;
    let row = library
        .add_message(&message(chat, None, "", MessageState::Writing))
        .unwrap();
    let pieces = ["Once upon", " a ti", "me, 龙", "\0", "", " slept."];
    for piece in pieces {
        library.append_message(row.id, piece).unwrap();
    }
    let written = library.message(row.id).unwrap();
    assert_eq!(
        (written.content, written.state),
        (pieces.concat(), MessageState::Writing)
    );
    assert!(
        !finds(&library, "time") && !finds(&library, "龙"),
        "not yet in the index"
    );

    let (stats, error) = (json!({"new_tokens": 9}), json!({"code": "x"}));
    let all = MessageUpdate {
        content: "Once upon a time, 龙 slept well.",
        state: MessageState::Stopped,
        stats: Some(&stats),
        error: Some(&error),
    };
    let updated = library.update_message(row.id, &all).unwrap();
    assert_eq!(updated, library.message(row.id).unwrap());
    assert_eq!(
        (updated.content.as_str(), updated.state),
        (all.content, all.state)
    );
    assert_eq!((updated.stats, updated.error), (Some(stats), Some(error)));
    assert!(finds(&library, "time") && finds(&library, "龙"));

    for &state in MessageState::ALL {
        let update = MessageUpdate {
            content: "other",
            state,
            stats: None,
            error: None,
        };
        let row = library.update_message(row.id, &update).unwrap();
        assert_eq!((row.state, row.stats, row.error), (state, None, None));
        assert!(!finds(&library, "time"), "old words are gone");
        assert_eq!(
            finds(&library, "other"),
            state != MessageState::Writing,
            "{state:?}"
        );
        let appended = library.append_message(row.id, "!");
        if state == MessageState::Writing {
            appended.unwrap();
        } else {
            let refused = matches!(&appended, Err(LibraryError::NotWriting { message }) if *message == row.id);
            assert!(refused, "{state:?}: {appended:?}");
        }
    }
    let nothing = MessageUpdate {
        content: "",
        state: MessageState::Complete,
        stats: None,
        error: None,
    };
    assert!(matches!(
        library.update_message(404, &nothing),
        Err(LibraryError::NotFound(_))
    ));
}

#[test]
fn recovering_interrupts_what_was_being_written_and_nothing_else() {
    let library = in_memory();
    let (one, gone) = (begin(&library, "one").id, begin(&library, "gone").id);
    let rows: Vec<_> = MessageState::ALL
        .iter()
        .map(|&state| {
            library
                .add_message(&message(one, None, "basilisk half", state))
                .unwrap()
        })
        .collect();
    let hidden = library
        .add_message(&message(
            gone,
            None,
            "cockatrice half",
            MessageState::Writing,
        ))
        .unwrap();
    library.delete_chat(gone).unwrap();

    assert_eq!(library.recover().unwrap(), 2);
    for row in rows {
        let now = library.message(row.id).unwrap();
        let expected = match row.state {
            MessageState::Writing => MessageState::Interrupted,
            other => other,
        };
        assert_eq!(
            (now.state, now.content.as_str()),
            (expected, "basilisk half")
        );
    }
    assert_eq!(
        library.message(hidden.id).unwrap().state,
        MessageState::Interrupted
    );
    assert!(finds(&library, "basilisk"));
    library.restore_chat(gone).unwrap();
    assert!(finds(&library, "cockatrice"));
    assert_eq!(library.recover().unwrap(), 0);
}

#[test]
fn deleting_a_chat_does_not_lose_the_answer_under_way() {
    let library = in_memory();
    let chat = begin(&library, "chat").id;
    let row = library
        .add_message(&message(chat, None, "a", MessageState::Writing))
        .unwrap();
    library.delete_chat(chat).unwrap();
    library.append_message(row.id, "b").unwrap();
    let update = MessageUpdate {
        content: "abc",
        state: MessageState::Complete,
        stats: None,
        error: None,
    };
    library.update_message(row.id, &update).unwrap();
    library.restore_chat(chat).unwrap();
    assert_eq!(path_ids(&library, chat), [row.id]);
    assert_eq!(library.message(row.id).unwrap().content, "abc");
}
