//! Helpers of the joined tests.
