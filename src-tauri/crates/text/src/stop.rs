//! Stop strings in streamed text.

/// What one piece of streamed text came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stopped {
    /// Text that is certainly before any stop string.
    pub text: String,
    /// Whether a stop string was met; it and everything after it is dropped.
    pub stopped: bool,
}

/// Finds the first stop string in text that arrives in pieces, wherever the pieces are cut.
///
/// Text that could be the beginning of a stop string is held back until it is known to be none.
#[derive(Debug, Clone)]
pub struct StopMatcher {
    stops: Vec<String>,
    held: String,
    stopped: bool,
}

impl StopMatcher {
    /// A matcher for these strings; empty ones are ignored.
    pub fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.iter().filter(|s| !s.is_empty()).cloned().collect(),
            held: String::new(),
            stopped: false,
        }
    }

    /// Takes the next piece and gives what may be shown. After a stop it gives nothing more.
    pub fn push(&mut self, piece: &str) -> Stopped {
        if self.stopped {
            return Stopped {
                text: String::new(),
                stopped: true,
            };
        }
        self.held.push_str(piece);
        if let Some(at) = self.first_stop() {
            self.stopped = true;
            self.held.truncate(at);
            return Stopped {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let keep = self.possible_start();
        let rest = self.held.split_off(keep);
        Stopped {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// The text still held back, once no more will come.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Where the earliest complete stop string begins.
    fn first_stop(&self) -> Option<usize> {
        self.stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()))
            .min()
    }

    /// Where the longest suffix begins that is a proper prefix of a stop string.
    fn possible_start(&self) -> usize {
        let longest = self.stops.iter().map(|s| s.len() - 1).max().unwrap_or(0);
        let from = self.held.len().saturating_sub(longest);
        (from..self.held.len())
            .filter(|&at| self.held.is_char_boundary(at))
            .find(|&at| self.stops.iter().any(|s| s.starts_with(&self.held[at..])))
            .unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes the pieces and gives all text that came out, and whether it stopped.
    fn check(stops: &[&str], pieces: &[&str], text: &str, stopped: bool) {
        let stops: Vec<String> = stops.iter().map(|s| s.to_string()).collect();
        let mut matcher = StopMatcher::new(&stops);
        let mut out = String::new();
        let mut met = false;
        for piece in pieces {
            let step = matcher.push(piece);
            out.push_str(&step.text);
            met |= step.stopped;
        }
        out.push_str(&matcher.finish());
        assert_eq!((out.as_str(), met), (text, stopped), "{stops:?} {pieces:?}");
    }

    #[test]
    fn stop_strings_across_pieces() {
        check(&[], &["a", "b"], "ab", false);
        check(&[""], &["a"], "a", false);
        check(&["STOP"], &["one ST", "OP two"], "one ", true);
        check(&["STOP"], &["one ST", "AR two"], "one STAR two", false);
        check(&["STOP"], &["one STO"], "one STO", false);
        check(&["aab"], &["aa", "ab", "c"], "a", true);
        check(&["\n\n", "###"], &["x\n", "#", "##"], "x\n", true);
        check(&["b", "ab"], &["a", "b"], "", true);
        check(&["é!"], &["caf", "é", "?"], "café?", false);
        check(&["é!"], &["caf", "é", "!"], "caf", true);
        check(&["ab"], &["xaby", "later"], "x", true);
    }

    #[test]
    fn only_a_possible_beginning_is_held() {
        let mut matcher = StopMatcher::new(&["</s>".to_string()]);
        assert_eq!(matcher.push("hello <").text, "hello ");
        assert_eq!(matcher.push("b").text, "<b");
    }
}
