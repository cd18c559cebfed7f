//! A moment in milliseconds since 1970 as JavaScript writes it: `1970-01-01T00:00:00.000Z`.

/// The furthest that a JavaScript `Date` reaches to either side: a hundred million days.
const MAX_MILLIS: i64 = 8_640_000_000_000_000;

const DAY: i64 = 86_400_000;

/// Appends what `Date.prototype.toJSON` gives, quotes included: `null` for a moment that no `Date` can hold.
pub(super) fn write(out: &mut String, millis: i64) {
    use std::fmt::Write as _;
    if !(-MAX_MILLIS..=MAX_MILLIS).contains(&millis) {
        out.push_str("null");
        return;
    }
    let (year, month, day) = civil(millis.div_euclid(DAY));
    let rest = millis.rem_euclid(DAY);
    let (hour, minute, second, milli) =
        (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
    // Writing to a String can't fail.
    let _ = match year {
        0..=9999 => write!(out, "\"{year:04}"),
        _ => write!(out, "\"{year:+07}"),
    };
    let _ = write!(out, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\"");
}

/// Year, month and day of the day with this number since 1970-01-01, in the Gregorian calendar.
///
/// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`: years begin in March, so that the
/// leap day is the last of a year, and eras are 400 years, which all have the same number of days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    fn json(millis: i64) -> String {
        let mut out = String::new();
        super::write(&mut out, millis);
        out
    }

    #[test]
    fn dates_are_written_as_javascript_writes_them() {
        // Each is what `JSON.stringify(new Date(millis))` gives.
        for (millis, expected) in [
            (0, "\"1970-01-01T00:00:00.000Z\""),
            (-1, "\"1969-12-31T23:59:59.999Z\""),
            (951_782_400_000, "\"2000-02-29T00:00:00.000Z\""),
            (951_868_800_000, "\"2000-03-01T00:00:00.000Z\""),
            (4_107_542_399_999, "\"2100-02-28T23:59:59.999Z\""),
            (1_763_702_445_678, "\"2025-11-21T05:20:45.678Z\""),
            (253_402_300_799_999, "\"9999-12-31T23:59:59.999Z\""),
            (253_402_300_800_000, "\"+010000-01-01T00:00:00.000Z\""),
            (-62_167_219_200_000, "\"0000-01-01T00:00:00.000Z\""),
            (-62_167_219_200_001, "\"-000001-12-31T23:59:59.999Z\""),
            (8_640_000_000_000_000, "\"+275760-09-13T00:00:00.000Z\""),
            (-8_640_000_000_000_000, "\"-271821-04-20T00:00:00.000Z\""),
            (8_640_000_000_000_001, "null"),
            (i64::MIN, "null"),
        ] {
            assert_eq!(json(millis), expected, "{millis}");
        }
    }
}
