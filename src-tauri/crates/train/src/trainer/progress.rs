//! Where a run stands, on the disk: journal and checkpoints.

use super::event::Event;
use super::learner::Learner;
use super::state::State;
use crate::error::{Result, TrainError};
use crate::run::{CheckpointId, Checkpoints, Journal, NamedTensor, Restored, Run};

/// Names of a checkpoint's tensors.
const PARAMETERS: &str = "parameters";
const FIRST_MOMENTS: &str = "first_moments";
const SECOND_MOMENTS: &str = "second_moments";

pub(super) struct Progress<'a> {
    checkpoints: Checkpoints,
    journal: Journal,
    restored: Option<Restored<State>>,
    on_event: &'a mut dyn FnMut(&Event),
}

impl<'a> Progress<'a> {
    /// Begins the journal, or goes on after the newest checkpoint that is whole.
    pub(super) fn open(
        run: &Run,
        resume: bool,
        on_event: &'a mut dyn FnMut(&Event),
    ) -> Result<Self> {
        let checkpoints = run.checkpoints()?;
        if !resume {
            return Ok(Self {
                journal: Journal::create(&run.journal_path())?,
                checkpoints,
                restored: None,
                on_event,
            });
        }
        let restored = checkpoints.load_newest::<State>()?;
        let after = restored
            .as_ref()
            .map_or(0, |restored| restored.state.journal_sequence);
        let mut progress = Self {
            journal: Journal::resume(&run.journal_path(), after)?,
            checkpoints,
            on_event,
            restored: None,
        };
        for skipped in restored.iter().flat_map(|restored| &restored.skipped) {
            let text = format!(
                "checkpoint {} is damaged ({}): an older one is taken",
                skipped.id, skipped.cause
            );
            progress.record(&Event::Notice { text })?;
        }
        progress.restored = restored;
        Ok(progress)
    }

    /// Puts what the newest checkpoint holds in place; none where the run begins.
    pub(super) fn restore(&mut self, learner: &mut Learner) -> Result<Option<State>> {
        let Some(restored) = self.restored.take() else {
            return Ok(None);
        };
        self.put(restored, learner).map(Some)
    }

    /// The newest checkpoint, after something went wrong; none where there is none yet.
    pub(super) fn newest(&mut self, learner: &mut Learner) -> Result<Option<State>> {
        match self.checkpoints.load_newest::<State>()? {
            Some(restored) => self.put(restored, learner).map(Some),
            None => Ok(None),
        }
    }

    fn put(&self, mut restored: Restored<State>, learner: &mut Learner) -> Result<State> {
        let path = self.checkpoints.path(restored.id);
        let length = learner.parameters.len();
        let mut read = |name: &str| -> Result<Vec<f32>> {
            let (_, values) = restored
                .tensors
                .read(name)
                .map_err(|error| TrainError::file(&path, error))?;
            if values.len() != length {
                return Err(TrainError::CheckpointDamaged {
                    path: path.clone(),
                    cause: format!("{name} has {} numbers, the model {length}", values.len()),
                });
            }
            Ok(values)
        };
        let (parameters, moments) = (
            read(PARAMETERS)?,
            [read(FIRST_MOMENTS)?, read(SECOND_MOMENTS)?],
        );
        learner.put(parameters, moments);
        Ok(restored.state)
    }

    /// Tells an event and keeps it.
    pub(super) fn record(&mut self, event: &Event) -> Result<()> {
        self.journal.append(event)?;
        (self.on_event)(event);
        Ok(())
    }

    /// Tells an event that nobody needs later.
    pub(super) fn tell_only(&mut self, event: &Event) {
        (self.on_event)(event);
    }

    /// Writes a checkpoint.
    pub(super) fn save(&mut self, state: &mut State, learner: &Learner, best: bool) -> Result<()> {
        self.journal.sync()?;
        let id = CheckpointId {
            attempt: self.journal.attempt(),
            step: state.step,
        };
        if best {
            state.best = Some(id);
        }
        state.journal_sequence = self.journal.sequence();
        let shape = [learner.parameters.len()];
        let tensor = |name, values| NamedTensor {
            name,
            shape: &shape,
            values,
        };
        let tensors = [
            tensor(PARAMETERS, &learner.parameters[..]),
            tensor(FIRST_MOMENTS, &learner.first_moments),
            tensor(SECOND_MOMENTS, &learner.second_moments),
        ];
        self.checkpoints.save(id, &tensors, state)?;
        self.record(&Event::Checkpoint { id, best })
    }

    /// Deletes all but the newest and the best.
    pub(super) fn prune(&self, keep: usize, state: &State) -> Result<()> {
        self.checkpoints.prune(keep, state.best)
    }

    /// Puts the best parameters in place, if the held-out rows say which these are; the step they are of.
    pub(super) fn put_best(&mut self, learner: &mut Learner, state: &State) -> Result<u64> {
        let (Some(best), Some(step)) = (state.best, state.best_step) else {
            return Ok(state.step);
        };
        if step != state.step {
            let restored = self.checkpoints.load::<State>(best)?;
            self.put(restored, learner)?;
        }
        Ok(step)
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.journal.sync()
    }
}
