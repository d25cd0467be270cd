//! Time comes from outside, so that tests decide what time it is.

use time::OffsetDateTime;

/// Says what time it is.
pub(crate) type Clock = Box<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// RFC 3339 in UTC, always with milliseconds: of the same width, so that times sort as text.
pub fn rfc3339(time: OffsetDateTime) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}
