//! Python's `strftime`, as far as templates use it.

use time::OffsetDateTime;

/// The moment in the given format; an unknown directive stays as it is.
pub(super) fn format(now: OffsetDateTime, format: &str) -> String {
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let Some(mut directive) = rest.next() else {
            text.push('%');
            break;
        };
        let unpadded = directive == '-';
        if unpadded {
            let Some(after) = rest.next() else {
                text.push_str("%-");
                break;
            };
            directive = after;
        }
        let pad = |number: u16| {
            if unpadded {
                number.to_string()
            } else {
                format!("{number:02}")
            }
        };
        let hour = u16::from(now.hour());
        let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
        let month = now.month().to_string();
        let weekday = now.weekday().to_string();
        let piece = match directive {
            'Y' => now.year().to_string(),
            'y' => pad(u16::try_from(now.year().rem_euclid(100)).unwrap_or(0)),
            'm' => pad(u16::from(u8::from(now.month()))),
            'd' => pad(u16::from(now.day())),
            'e' => format!("{:2}", now.day()),
            'H' => pad(hour),
            'I' => pad(twelve),
            'M' => pad(u16::from(now.minute())),
            'S' => pad(u16::from(now.second())),
            'j' if unpadded => now.ordinal().to_string(),
            'j' => format!("{:03}", now.ordinal()),
            'B' => month,
            'b' | 'h' => month.chars().take(3).collect(),
            'A' => weekday,
            'a' => weekday.chars().take(3).collect(),
            'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'F' => format!(
                "{}-{:02}-{:02}",
                now.year(),
                u8::from(now.month()),
                now.day()
            ),
            'T' => format!("{:02}:{:02}:{:02}", hour, now.minute(), now.second()),
            'Z' => "UTC".to_owned(),
            'z' => "+0000".to_owned(),
            '%' => "%".to_owned(),
            other => format!("%{other}"),
        };
        text.push_str(&piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn dates_read_as_in_python() {
        let now = datetime!(2024-07-05 09:03:07 UTC);
        let check = |given: &str, text: &str| assert_eq!(format(now, given), text);
        check("%d %b %Y", "05 Jul 2024");
        check("%Y-%m-%d", "2024-07-05");
        check("%A, %B %-d, %y", "Friday, July 5, 24");
        check("%H:%M:%S %I %p %j", "09:03:07 09 AM 187");
        check("100%% %", "100% %");
    }
}
