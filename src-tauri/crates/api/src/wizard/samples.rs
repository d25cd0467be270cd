//! The data that comes with the program: written into the library when it is asked for, so that it can be looked at and changed.

use nc_train::recipe::Stage;

use crate::dto::SampleData;
use crate::{Api, ApiError, ErrorCode};

struct Sample {
    file: &'static str,
    name: &'static str,
    about: &'static str,
    stage: Stage,
    bytes: &'static [u8],
}

const SAMPLES: &[Sample] = &[
    Sample {
        file: "support-messages.jsonl",
        name: "Sorting support messages",
        about: "Teaches a model to name what a customer's message is about, which the starter cannot do yet.",
        stage: Stage::Sft,
        bytes: include_bytes!("../../../../../assets/samples/support-messages.jsonl"),
    },
    Sample {
        file: "support-preferences.jsonl",
        name: "Short and polite answers",
        about: "Pairs of answers to the same messages: a model learns to prefer the short and polite one.",
        stage: Stage::Preference,
        bytes: include_bytes!("../../../../../assets/samples/support-preferences.jsonl"),
    },
];

/// The samples, as files of the library.
///
/// # Errors
/// `Storage` where they cannot be written.
pub(crate) fn samples(api: &Api) -> Result<Vec<SampleData>, ApiError> {
    let folder = api.library.folder().join("samples");
    std::fs::create_dir_all(&folder).map_err(|error| {
        ApiError::new(
            ErrorCode::Storage,
            format!("The folder of samples could not be made: {error}."),
            "Look at the rights of the library's folder and the room on the disk.",
        )
    })?;
    let written = SAMPLES.iter().map(|sample| {
        let path = folder.join(sample.file);
        // One that a person changed stays theirs; an older program's is as good.
        if !path.exists() {
            nc_library::write_atomically(&path, sample.bytes)?;
        }
        Ok(SampleData {
            name: sample.name.to_owned(),
            about: sample.about.to_owned(),
            stage: sample.stage,
            path: path.display().to_string(),
        })
    });
    written.collect()
}
