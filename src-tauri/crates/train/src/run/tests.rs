//! Crashes, damage and full disks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tempfile::tempdir;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stepped {
    step: u64,
    loss: f64,
}

fn event(step: u64) -> Stepped {
    Stepped {
        step,
        loss: 1.0 / step as f64,
    }
}

fn steps(path: &Path) -> Vec<(u32, u64)> {
    let history: History<Stepped> = Journal::read(path).expect("it reads");
    let entries = history.entries.iter();
    entries
        .map(|entry| (entry.attempt, entry.event.step))
        .collect()
}

#[test]
fn a_resume_supersedes_what_came_after_its_checkpoint() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    assert_eq!(steps(&path), []);
    let mut journal = Journal::create(&path).expect("a journal");
    assert!(Journal::create(&path).is_err());
    for step in 1..=3 {
        assert_eq!(journal.append(&event(step)).expect("written"), step);
    }
    drop(journal);
    let mut journal = Journal::resume(&path, 2).expect("goes on");
    assert_eq!((journal.attempt(), journal.sequence()), (2, 4));
    journal.append(&event(3)).expect("written");
    journal.append(&event(4)).expect("written");
    journal.sync().expect("synced");
    assert_eq!(steps(&path), [(1, 1), (1, 2), (2, 3), (2, 4)]);
    drop(journal);
    // From the beginning again: nothing counts.
    Journal::resume(&path, 0).expect("goes on");
    let history: History<Stepped> = Journal::read(&path).expect("it reads");
    assert_eq!(
        (history.entries.len(), history.superseded, history.attempt),
        (0, 5, 3)
    );
}

#[test]
fn a_torn_tail_is_dropped_wherever_it_tears() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path).expect("a journal");
    for step in 1..=3 {
        journal.append(&event(step)).expect("written");
    }
    drop(journal);
    let whole = fs::read(&path).expect("it is there");
    let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).expect("cut");
        let history: History<Stepped> = Journal::read(&path).expect("it reads");
        assert_eq!(history.entries.len(), lines(&whole[..length]), "{length}");
        assert_eq!(history.whole_bytes + history.torn_bytes, length as u64);
        let mut journal = Journal::resume(&path, 9).expect("goes on");
        journal.append(&event(9)).expect("written");
        assert_eq!(steps(&path).len(), history.entries.len() + 1);
    }
    // A tail of zeros, as some file systems leave after a power cut.
    let mut zeros = whole.clone();
    zeros.extend([0; 100]);
    fs::write(&path, &zeros).expect("written");
    assert_eq!(steps(&path).len(), 3);
}

#[test]
fn damage_in_the_middle_is_told_with_its_line() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&path).expect("a journal");
    for step in 1..=3 {
        journal.append(&event(step)).expect("written");
    }
    drop(journal);
    let whole = fs::read_to_string(&path).expect("it is there");
    let check = |text: String, line: u64| {
        fs::write(&path, text).expect("written");
        let error = Journal::read::<Stepped>(&path).expect_err("damaged");
        let at = matches!(error, TrainError::JournalDamaged { line: at, .. } if at == line);
        assert!(at, "{error}");
        assert!(Journal::resume(&path, 0).is_err());
    };
    // One digit of a number, a line gone, a line twice.
    check(whole.replace("\"step\":2", "\"step\":7"), 2);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    check([lines[0], lines[2]].concat(), 2);
    check([lines[0], lines[0], lines[1]].concat(), 2);
}

fn saved(checkpoints: &Checkpoints, attempt: u32, step: u64) -> CheckpointId {
    let id = CheckpointId { attempt, step };
    let values = [step as f32, f32::MIN_POSITIVE, -0.0, 1.0e30];
    let tensors = [
        NamedTensor {
            name: "weight",
            shape: &[2, 2],
            values: &values,
        },
        NamedTensor {
            name: "first.moment",
            shape: &[1],
            values: &values[..1],
        },
    ];
    checkpoints
        .save(id, &tensors, &event(step))
        .expect("it is saved");
    id
}

fn newest(checkpoints: &Checkpoints) -> (u64, usize) {
    let restored = checkpoints.load_newest::<Stepped>().expect("one is whole");
    let mut restored = restored.expect("there is one");
    assert_eq!(restored.state, event(restored.id.step));
    let (shape, values) = restored.tensors.read("weight").expect("a tensor");
    assert_eq!(
        (shape.as_slice(), values[0]),
        (&[2, 2][..], restored.id.step as f32)
    );
    assert_eq!(values[2].to_bits(), (-0.0f32).to_bits());
    assert_eq!(restored.tensors.names(), ["weight", "first.moment"]);
    assert!(restored.tensors.read("bias").is_err());
    (restored.id.step, restored.skipped.len())
}

#[test]
fn the_newest_whole_checkpoint_is_found() {
    let folder = tempdir().expect("a folder");
    let checkpoints = Checkpoints::open(folder.path()).expect("opens");
    assert!(
        checkpoints
            .load_newest::<Stepped>()
            .expect("none")
            .is_none()
    );
    let ids: Vec<_> = [(1, 10), (1, 20), (2, 15)]
        .into_iter()
        .map(|(attempt, step)| saved(&checkpoints, attempt, step))
        .collect();
    // A later attempt is newer, also with fewer steps.
    assert_eq!(newest(&checkpoints), (15, 0));
    // The same once more is refused and harms nothing.
    assert!(checkpoints.save(ids[2], &[], &event(1)).is_err());
    assert_eq!(newest(&checkpoints), (15, 0));
    let flip = |id: CheckpointId, name: &str, at: usize| {
        let path = checkpoints.path(id).join(name);
        let mut bytes = fs::read(&path).expect("it is there");
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("written");
    };
    flip(ids[2], "tensors.safetensors", usize::MAX);
    assert_eq!(newest(&checkpoints), (20, 1));
    flip(ids[1], "state.json", 40);
    assert_eq!(newest(&checkpoints), (10, 2));
    fs::remove_file(checkpoints.path(ids[0]).join("tensors.safetensors")).expect("deleted");
    let error = checkpoints
        .load_newest::<Stepped>()
        .expect_err("none is whole");
    assert!(
        matches!(error, TrainError::NoCheckpointWhole { count: 3, .. }),
        "{error}"
    );
}

#[test]
fn every_damaged_byte_is_noticed() {
    let folder = tempdir().expect("a folder");
    let checkpoints = Checkpoints::open(folder.path()).expect("opens");
    let id = saved(&checkpoints, 1, 1);
    for name in ["state.json", "tensors.safetensors"] {
        let path = checkpoints.path(id).join(name);
        let whole = fs::read(&path).expect("it is there");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            fs::write(&path, &bytes).expect("written");
            assert!(
                checkpoints.load::<Stepped>(id).is_err(),
                "{name}, byte {at}"
            );
            fs::write(&path, &whole[..at]).expect("written");
            assert!(
                checkpoints.load::<Stepped>(id).is_err(),
                "{name}, cut at {at}"
            );
        }
        fs::write(&path, whole).expect("written");
    }
    assert!(checkpoints.load::<Stepped>(id).is_ok());
}

/// A disk with room for so many bytes.
struct Disk<'f> {
    file: &'f File,
    room: Rc<Cell<usize>>,
}

impl Write for Disk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.get();
        if room == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let written = self.file.write(&bytes[..bytes.len().min(room)])?;
        self.room.set(room - written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[test]
fn a_full_disk_leaves_the_last_checkpoint_whole() {
    let folder = tempdir().expect("a folder");
    let checkpoints = Checkpoints::open(folder.path()).expect("opens");
    saved(&checkpoints, 1, 1);
    let values = vec![0.5; 100];
    let tensor = NamedTensor {
        name: "weight",
        shape: &[100],
        values: &values,
    };
    let id = CheckpointId {
        attempt: 1,
        step: 2,
    };
    let mut failures = 0;
    for bytes in 0.. {
        let room = Rc::new(Cell::new(bytes));
        let done = checkpoints.save_through(id, &[tensor], &event(2), |file| {
            Box::new(Disk {
                file,
                room: Rc::clone(&room),
            })
        });
        let Err(error) = done else {
            break;
        };
        let full = matches!(&error, TrainError::File { source, .. } if source.kind() == io::ErrorKind::StorageFull);
        assert!(full, "{error}");
        failures += 1;
        assert_eq!(newest(&checkpoints), (1, 0));
        // Nothing of the failed one is left.
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
    }
    assert!(failures > 500, "{failures}");
    assert_eq!(checkpoints.list().expect("lists").len(), 2);
}

#[test]
fn what_a_crash_left_is_cleared_and_old_ones_go() {
    let folder = tempdir().expect("a folder");
    let checkpoints = Checkpoints::open(folder.path()).expect("opens");
    let ids: Vec<_> = (1..=5).map(|step| saved(&checkpoints, 1, step)).collect();
    fs::create_dir(folder.path().join(".unfinished-001-00000006")).expect("made");
    fs::write(folder.path().join("notes.txt"), "mine").expect("written");
    let checkpoints = Checkpoints::open(folder.path()).expect("opens");
    checkpoints.prune(2, Some(ids[1])).expect("pruned");
    let left = checkpoints.list().expect("lists");
    assert_eq!(left, [ids[4], ids[3], ids[1]]);
    // The user's own file is none of ours.
    assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 4);
}

fn manifest(data: &Path) -> Manifest {
    Manifest {
        version: 1,
        program: "0.1.0".to_owned(),
        created: "2024-01-01T00:00:00Z".to_owned(),
        recipe: "model = \"m\"".to_owned(),
        seed: 42,
        inputs: vec![Input::of("data", data).expect("hashed")],
        kernels: BTreeMap::from([("prefill".to_owned(), "amx".to_owned())]),
    }
}

#[test]
fn a_run_has_one_owner_and_knows_what_changed() {
    let folder = tempdir().expect("a folder");
    let data = folder.path().join("rows.jsonl");
    fs::write(&data, "{}").expect("written");
    let place = folder.path().join("run");
    let began = manifest(&data);
    let run = Run::create(&place, began.clone()).expect("begins");
    assert!(matches!(Run::open(&place), Err(TrainError::RunBusy { .. })));
    drop(run);
    let again = Run::create(&place, began.clone()).expect_err("there is one");
    assert!(matches!(again, TrainError::RunExists { .. }), "{again}");
    let run = Run::open(&place).expect("opens");
    assert_eq!(run.manifest(), &began);
    assert!(
        run.checkpoints()
            .expect("opens")
            .list()
            .expect("lists")
            .is_empty()
    );

    assert_eq!(began.changes(&manifest(&data)), []);
    fs::write(&data, "{} ").expect("written");
    let mut now = manifest(&data);
    let changes = began.changes(&now);
    assert!(
        changes.len() == 1 && changes[0].forbids_resume(),
        "{changes:?}"
    );
    now = began.clone();
    now.kernels.insert("prefill".to_owned(), "avx2".to_owned());
    now.program = "0.2.0".to_owned();
    let changes = began.changes(&now);
    assert!(changes.len() == 2 && !changes.iter().any(Change::forbids_resume));
    assert!(changes[0].to_string().contains("avx2"), "{}", changes[0]);
    now.inputs.clear();
    now.seed = 1;
    assert_eq!(
        began
            .changes(&now)
            .iter()
            .filter(|change| change.forbids_resume())
            .count(),
        2
    );

    fs::write(place.join("manifest.json"), "{").expect("written");
    drop(run);
    let error = Run::open(&place).expect_err("damaged");
    assert!(
        matches!(error, TrainError::ManifestDamaged { .. }),
        "{error}"
    );
}
