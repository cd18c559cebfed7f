//! Medians and their intervals, without assuming how the noise is distributed.

/// A median and the interval that holds the true one with 95 % confidence (order statistics of the
/// sign test); with fewer than six values the interval is simply all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Median {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// `None` without values.
pub(super) fn median(values: &[f64]) -> Option<Median> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    let upper = *sorted.get(count / 2)?;
    let value = if count % 2 == 1 { upper } else { (upper + *sorted.get(count / 2 - 1)?) / 2.0 };
    let cut = outside(count);
    Some(Median { value, low: *sorted.get(cut)?, high: *sorted.get(count - 1 - cut)? })
}

/// How many values may be cut off at each end: the most for which both tails of a fair coin's
/// binomial distribution together stay under 5 %.
fn outside(count: usize) -> usize {
    let mut probability = 0.5f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut tail = 0.0;
    for cut in 0..count / 2 {
        tail += probability;
        if 2.0 * tail > 0.05 {
            return cut.saturating_sub(usize::from(cut > 0));
        }
        probability *= (count - cut) as f64 / (cut + 1) as f64;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_values_give_the_second_and_the_eighth() {
        let values = [9.0, 1.0, 5.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0];
        assert_eq!(median(&values), Some(Median { value: 5.0, low: 2.0, high: 8.0 }));
    }

    #[test]
    fn few_values_are_their_own_interval() {
        assert_eq!(median(&[4.0, 2.0]), Some(Median { value: 3.0, low: 2.0, high: 4.0 }));
        assert_eq!(median(&[1.0, 2.0, 3.0, 4.0, 5.0]).map(|m| (m.low, m.high)), Some((1.0, 5.0)));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn many_values_cut_both_ends() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        // For 20 values the sixth and the fifteenth bound the median with 95.9 %.
        assert_eq!(median(&values), Some(Median { value: 10.5, low: 6.0, high: 15.0 }));
    }
}
