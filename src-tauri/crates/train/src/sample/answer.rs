//! How an answer ends: with one token that ends it, which is trained, and nothing after it that is.

use nc_text::{EncodedConversation, Tokenizer};

/// A conversation whose every answer ends in exactly one end token.
///
/// The end token is the one the template writes. Where it writes none, or none that the tokenizer knows as a control token, EOS is put
/// there; where it stands just behind the assistant's part, it is trained too; of several equal ones in a row one is kept; what the
/// template writes behind it (a line break) is read and not trained.
pub(super) fn end_answers(
    tokenizer: &Tokenizer,
    encoded: EncodedConversation,
) -> EncodedConversation {
    let EncodedConversation { ids, assistant } = encoded;
    let mut ended = EncodedConversation::default();
    let mut at = 0;
    while at < ids.len() {
        let run = assistant[at..]
            .iter()
            .take_while(|&&said| said == assistant[at]);
        let end = at + run.count();
        if assistant[at] {
            at = end + end_answer(tokenizer, &ids[at..end], &ids[end..], &mut ended);
        } else {
            ended.ids.extend_from_slice(&ids[at..end]);
            ended.assistant.resize(ended.ids.len(), false);
            at = end;
        }
    }
    ended
}

/// Writes one answer; how many of the tokens behind it belong to it.
fn end_answer(
    tokenizer: &Tokenizer,
    answer: &[u32],
    behind: &[u32],
    ended: &mut EncodedConversation,
) -> usize {
    let is_end = |id: &u32| tokenizer.is_special(*id) || tokenizer.eos() == Some(*id);
    let last = answer.iter().rposition(is_end);
    // An end token counts if nothing but white space follows it in the answer.
    let last = last.filter(|&last| {
        let text = tokenizer.decode(&answer[last + 1..]);
        text.is_ok_and(|text| text.trim().is_empty())
    });
    let repeats = |end: u32| behind.iter().take_while(|&&id| id == end).count();
    let (mut words, end, rest, taken) = match last {
        Some(last) => {
            let end = answer[last];
            let rest = &answer[last + 1..];
            let taken = if rest.is_empty() { repeats(end) } else { 0 };
            (&answer[..last], Some(end), rest, taken)
        }
        None => {
            let end = behind.first().filter(|id| is_end(id)).copied();
            let taken = end.map_or(0, repeats);
            (answer, end.or(tokenizer.eos()), &[][..], taken)
        }
    };
    while let ([before @ .., word], Some(end)) = (words, end)
        && *word == end
    {
        words = before;
    }
    ended.ids.extend_from_slice(words);
    ended.ids.extend(end);
    ended.assistant.resize(ended.ids.len(), true);
    ended.ids.extend_from_slice(rest);
    ended.assistant.resize(ended.ids.len(), false);
    taken
}
