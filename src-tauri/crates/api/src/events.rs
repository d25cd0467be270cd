//! Events, numbered and kept for a while, so that a listener that reloads can catch up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::dto::{AppEvent, NumberedEvent};

/// How many events are kept for listeners that come late: half a minute of the fastest stream.
const KEPT: usize = 1024;

/// Numbers events and hands them to every subscription.
#[derive(Clone)]
pub struct EventBus {
    log: Arc<Mutex<Log>>,
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct Log {
    last: u64,
    kept: VecDeque<NumberedEvent>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self {
            log: Arc::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl EventBus {
    fn log(&self) -> MutexGuard<'_, Log> {
        // A log is whole after every statement below, so a panic elsewhere does not spoil it.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every subscription.
    pub fn publish(&self, event: AppEvent) {
        let mut log = self.log();
        log.last += 1;
        let seq = log.last;
        log.kept.push_back(NumberedEvent { seq, event });
        if log.kept.len() > KEPT {
            log.kept.pop_front();
        }
        drop(log);
        self.newest.send_replace(seq);
    }

    /// Number of the newest event, 0 before the first.
    pub fn last(&self) -> u64 {
        self.log().last
    }

    /// Listens to everything after event `after`, or to what comes from now on.
    pub fn subscribe(&self, after: Option<u64>) -> Subscription {
        Subscription {
            seen: after.unwrap_or_else(|| self.last()),
            newest: self.newest.subscribe(),
            bus: self.clone(),
        }
    }
}

/// One listener's place in the log.
pub struct Subscription {
    bus: EventBus,
    newest: watch::Receiver<u64>,
    seen: u64,
}

impl Subscription {
    /// The next event; waits for one. `Resync` stands for all that were dropped before this listener saw them.
    pub async fn next(&mut self) -> NumberedEvent {
        loop {
            if let Some(event) = self.ready() {
                self.seen = event.seq;
                return event;
            }
            // The bus this listener holds keeps the sender alive, so waiting cannot fail.
            let _ = self.newest.changed().await;
        }
    }

    fn ready(&mut self) -> Option<NumberedEvent> {
        self.newest.borrow_and_update();
        let log = self.bus.log();
        // A listener from before a restart counts numbers that do not exist here.
        let lost = self.seen > log.last
            || log
                .kept
                .front()
                .is_some_and(|oldest| oldest.seq > self.seen + 1);
        if lost {
            return Some(NumberedEvent {
                seq: log.last,
                event: AppEvent::Resync,
            });
        }
        let behind = usize::try_from(log.last - self.seen).ok()?;
        let place = log.kept.len().checked_sub(behind)?;
        log.kept.get(place).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(subscription: &mut Subscription) -> Vec<(u64, bool)> {
        std::iter::from_fn(|| {
            let event = subscription.ready()?;
            subscription.seen = event.seq;
            Some((event.seq, event.event == AppEvent::Resync))
        })
        .collect()
    }

    #[test]
    fn a_late_listener_catches_up_and_a_lost_one_is_told() {
        let check = |published: u64, after: Option<u64>, expected: Vec<(u64, bool)>| {
            let bus = EventBus::default();
            for _ in 0..published {
                bus.publish(AppEvent::ChatsChanged);
            }
            let mut listener = bus.subscribe(after);
            assert_eq!(
                numbers(&mut listener),
                expected,
                "{published} published, after {after:?}"
            );
        };
        check(3, None, vec![]);
        check(3, Some(0), vec![(1, false), (2, false), (3, false)]);
        check(3, Some(2), vec![(3, false)]);
        check(3, Some(9), vec![(3, true)]);
        let kept = KEPT as u64;
        check(kept + 5, Some(1), vec![(kept + 5, true)]);
        check(
            kept + 5,
            Some(kept + 3),
            vec![(kept + 4, false), (kept + 5, false)],
        );
    }

    #[tokio::test]
    async fn waits_for_what_is_published_later() {
        let bus = EventBus::default();
        let mut listener = bus.subscribe(None);
        let publisher = bus.clone();
        let publishing = tokio::spawn(async move {
            tokio::task::yield_now().await;
            publisher.publish(AppEvent::ModelsChanged);
        });
        let event = listener.next().await;
        assert_eq!((event.seq, event.event), (1, AppEvent::ModelsChanged));
        publishing.await.expect("the publisher ends");
    }
}
