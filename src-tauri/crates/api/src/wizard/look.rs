//! What is in files to learn from.

use std::path::Path;

use nc_data::{Content, Format, Options, Reading, read_examples, read_pairs};
use nc_text::Message;
use nc_train::TrainError;
use nc_train::recipe::Stage;

use crate::ApiError;
use crate::dto::{DataFile, DataFiles, DataLook, DataRow, RefusedRows};

/// Rows shown.
const ROWS: usize = 5;

/// Reads files to learn from. What is wrong with a file stands beside it.
pub(crate) fn look(request: &DataFiles) -> DataLook {
    let mut rows = Vec::new();
    let files: Vec<DataFile> = request
        .files
        .iter()
        .map(|path| file(path, &mut rows))
        .collect();
    let stage_of = |file: &DataFile| {
        let format = file.format.filter(|_| file.used > 0)?;
        Some(match format.is_preference() {
            true => Stage::Preference,
            false => Stage::Sft,
        })
    };
    let stages: Vec<Option<Stage>> = files.iter().map(stage_of).collect();
    let same = stages.windows(2).all(|pair| pair[0] == pair[1]);
    DataLook {
        stage: stages.first().copied().flatten().filter(|_| same),
        files,
        rows,
    }
}

fn file(path: &str, rows: &mut Vec<DataRow>) -> DataFile {
    let name = Path::new(path).file_name();
    let mut file = DataFile {
        name: name.map_or_else(
            || path.to_owned(),
            |name| name.to_string_lossy().into_owned(),
        ),
        path: path.to_owned(),
        bytes: std::fs::metadata(path).map_or(0, |about| about.len()),
        format: None,
        format_words: "not known".to_owned(),
        rows: 0,
        used: 0,
        refused: Vec::new(),
        error: None,
    };
    match read(Path::new(path), rows) {
        Ok(reading) => {
            file.format = Some(reading.format);
            file.format_words = words(reading.format).to_owned();
            (file.rows, file.used) = (reading.rows, reading.used);
            file.refused = reading
                .refused
                .reasons()
                .map(|(why, count, first_row)| RefusedRows {
                    reason: format!("Row {first_row} {why}."),
                    count,
                    first_row,
                    remedy: why.remedy().to_owned(),
                })
                .collect();
        }
        Err(error) => file.error = Some(error),
    }
    file
}

fn read(path: &Path, rows: &mut Vec<DataRow>) -> Result<Reading, ApiError> {
    let failed = |error| ApiError::from(TrainError::Data(error));
    // The first usable row tells what the file is; pairs count as examples of their chosen answers.
    let first = Options {
        max_rows: Some(1),
        ..Options::default()
    };
    let format = read_examples(path, first, |_| ()).map_err(failed)?.format;
    let options = Options {
        format: Some(format),
        max_rows: None,
    };
    let mut show = |row: Option<DataRow>| {
        if rows.len() < ROWS {
            rows.extend(row);
        }
    };
    match format.is_preference() {
        true => read_pairs(path, options, |pair| {
            show(Some(DataRow {
                prompt: prompt(&pair.prompt),
                answer: pair.chosen,
                rejected: Some(pair.rejected),
            }));
        }),
        false => read_examples(path, options, |example| show(row(example.content))),
    }
    .map_err(failed)
}

fn row(content: Content) -> Option<DataRow> {
    let (prompt, answer) = match content {
        Content::Text(text) => (String::new(), text),
        Content::Conversation { messages, .. } => {
            let last = messages
                .iter()
                .rposition(|message| message.role == "assistant")?;
            (prompt(&messages[..last]), messages[last].content.clone())
        }
    };
    Some(DataRow {
        prompt,
        answer,
        rejected: None,
    })
}

/// What is said before the answer: a single question as it is, more turns with who speaks.
fn prompt(messages: &[Message]) -> String {
    match messages {
        [only] => only.content.clone(),
        turns => {
            let turns = turns
                .iter()
                .map(|turn| format!("{}: {}", turn.role, turn.content));
            turns.collect::<Vec<_>>().join("\n")
        }
    }
}

fn words(format: Format) -> &'static str {
    match format {
        Format::Alpaca => "instructions with answers (Alpaca)",
        Format::PromptResponse => "prompts with answers",
        Format::Messages => "conversations (messages)",
        Format::Sharegpt => "conversations (ShareGPT)",
        Format::Text => "plain text",
        Format::PreferencePairs => "preference pairs (prompt, chosen, rejected)",
        Format::AlpacaPairs => "preference pairs (instruction, chosen, rejected)",
        Format::SharegptPairs => "preference pairs of conversations (ShareGPT)",
        Format::TranscriptPairs => "preference pairs of whole transcripts",
    }
}
