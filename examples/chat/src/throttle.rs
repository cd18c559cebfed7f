//! Rate limits kept in memory: so many at once, then one every so often, for each key.
//!
//! One instant per key is all there is to remember (the "generic cell rate algorithm"): the moment at which the
//! key would be back to its full allowance.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Keys remembered at most, about 5 MB. When they are all busy, unknown keys are refused: so many
/// different ones at once are an attack.
const MAX_KEYS: usize = 50_000;

/// An allowance: `burst` at once, and one more every `every`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) every: Duration,
}

/// How long to wait before trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Duration);

impl Wait {
    /// In whole seconds, at least one, for people and for `Retry-After`.
    pub(crate) fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0).max(u64::from(self.0.is_zero()))
    }
}

/// One allowance for each key.
pub(crate) struct Limiter<K> {
    rate: Rate,
    full_again: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq> Limiter<K> {
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self { rate: Rate { burst, every }, full_again: Mutex::default() }
    }

    /// Takes one from the key's allowance, or says how long to wait.
    pub(crate) fn take(&self, key: K) -> Result<(), Wait> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: K, now: Instant) -> Result<(), Wait> {
        let mut keys = self.full_again.lock();
        if keys.len() >= MAX_KEYS && !keys.contains_key(&key) {
            keys.retain(|_, at| *at > now);
            if keys.len() >= MAX_KEYS {
                return Err(Wait(self.rate.every));
            }
        }
        let full_again = keys.get(&key).copied().unwrap_or(now).max(now) + self.rate.every;
        let most = now + self.rate.every * self.rate.burst;
        if full_again > most {
            return Err(Wait(full_again - most));
        }
        keys.insert(key, full_again);
        Ok(())
    }

    /// Gives back what [`take`](Self::take) took, when it turned out not to count.
    pub(crate) fn give_back(&self, key: &K) {
        if let Some(at) = self.full_again.lock().get_mut(key) {
            *at = at.checked_sub(self.rate.every).unwrap_or(*at);
        }
    }
}

/// What an address counts as: an IPv6 subscriber has a whole /64 to choose from.
pub(crate) fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Keeps passwords from being guessed: every try counts against the address, a failed one also against the
/// account from this address, and against the account from anywhere.
pub(crate) struct LoginThrottle {
    by_address: Limiter<IpAddr>,
    by_both: Limiter<(IpAddr, String)>,
    by_account: Limiter<String>,
}

impl Default for LoginThrottle {
    fn default() -> Self {
        Self {
            by_address: Limiter::new(30, Duration::from_secs(20)),
            by_both: Limiter::new(5, Duration::from_secs(60)),
            by_account: Limiter::new(30, Duration::from_secs(60)),
        }
    }
}

impl LoginThrottle {
    /// Books a try before the password is looked at, so that many at once gain nothing.
    pub(crate) fn attempt(&self, address: IpAddr, account: &str) -> Result<(), Wait> {
        let address = address_key(address);
        self.by_address.take(address)?;
        self.by_both.take((address, account.to_owned()))?;
        self.by_account.take(account.to_owned()).inspect_err(|_| {
            self.by_both.give_back(&(address, account.to_owned()));
        })
    }

    /// The password was right.
    pub(crate) fn succeeded(&self, address: IpAddr, account: &str) {
        self.by_both.give_back(&(address_key(address), account.to_owned()));
        self.by_account.give_back(&account.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let limiter = Limiter::new(3, SECOND);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take_at("a", start), Ok(()));
        }
        assert_eq!(limiter.take_at("a", start), Err(Wait(SECOND)));
        assert_eq!(limiter.take_at("b", start), Ok(()));
        assert_eq!(limiter.take_at("a", start + SECOND), Ok(()));
        assert_eq!(limiter.take_at("a", start + SECOND), Err(Wait(SECOND)));
        for _ in 0..3 {
            assert_eq!(limiter.take_at("a", start + SECOND * 10), Ok(()));
        }
    }

    #[test]
    fn keys_are_bounded_and_forgotten_when_idle() {
        let limiter = Limiter::new(1, SECOND);
        let start = Instant::now();
        for key in 0..MAX_KEYS {
            limiter.take_at(key, start).unwrap();
        }
        assert!(limiter.take_at(MAX_KEYS, start).is_err());
        assert!(limiter.take_at(MAX_KEYS, start + SECOND).is_ok());
        assert_eq!(limiter.full_again.lock().len(), 1);
    }

    #[test]
    fn guessing_is_slow_from_one_address_and_from_many() {
        let throttle = LoginThrottle::default();
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..5 {
            assert!(throttle.attempt(one, "ana").is_ok());
        }
        assert!(throttle.attempt(one, "ana").is_err());
        assert!(throttle.attempt(one, "eva").is_ok(), "other accounts are not locked");

        let passed =
            (0..200_u8).filter(|n| throttle.attempt(IpAddr::from([198, 51, 100, *n]), "ana").is_ok());
        assert_eq!(passed.count(), 25, "30 in all for one account");
    }

    #[test]
    fn right_passwords_do_not_use_up_the_allowance() {
        let throttle = LoginThrottle::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..20 {
            throttle.attempt(address, "ana").unwrap();
            throttle.succeeded(address, "ana");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let a: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let b: IpAddr = "2001:db8:1:2:ffff::9".parse().unwrap();
        assert_eq!(address_key(a), address_key(b));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(address_key(mapped), "192.0.2.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_wait_is_at_least_a_second_for_people() {
        assert_eq!(Wait(Duration::ZERO).seconds(), 1);
        assert_eq!(Wait(Duration::from_millis(1200)).seconds(), 2);
        assert_eq!(Wait(Duration::from_secs(3)).seconds(), 3);
    }
}
