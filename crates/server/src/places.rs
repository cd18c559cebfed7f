//! How many may be here: connections in all, and from one address.
//!
//! A place is taken before anything is done for a handshake, so that those half done count, and given back when the
//! handshake fails or its connection ends. Promises: neither bound is ever passed, and addresses that nobody is
//! connected from take no memory. Where no bound for addresses is set none is looked at.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;

use crate::core::Core;

/// What stands before an IPv4 address, in a part of IPv6 that is given to nobody.
const V4: u64 = 1 << 32;

/// The places of a server.
#[derive(Default)]
pub(crate) struct Places {
    taken: AtomicUsize,
    by_address: Mutex<HashMap<NonZeroU64, usize, RandomState>>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    Everywhere,
    ForThisAddress,
}

/// A place that is taken, until it is dropped.
pub(crate) struct Place {
    core: Arc<Core>,
    seat: Option<Seat>,
}

/// A place as its connection keeps it, which knows whose it is: to be given back with [`Place::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat(NonZeroU64);

impl Seat {
    /// Of one whose address is not counted: as if it came from a part of IPv6 that no peer is in.
    const ANY: Self = Self(NonZeroU64::MAX);
}

impl Places {
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Place {
    /// Takes one, if there is one.
    pub(crate) fn take(core: &Arc<Core>, address: Option<IpAddr>) -> Result<Self, Full> {
        let limits = &core.config.limits;
        let places = &core.places;
        let more = |taken: usize| (taken < limits.max_connections).then_some(taken + 1);
        if places.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_err() {
            return Err(Full::Everywhere);
        }
        let mut place = Self { core: core.clone(), seat: Some(Seat::ANY) };
        if let Some(address) = address.filter(|_| limits.max_connections_per_address < usize::MAX) {
            let key = key(address);
            let mut by_address = places.by_address.lock();
            let taken = by_address.entry(key).or_insert(0);
            if *taken >= limits.max_connections_per_address {
                if *taken == 0 {
                    by_address.remove(&key);
                }
                return Err(Full::ForThisAddress);
            }
            *taken += 1;
            place.seat = Some(Seat(key));
        }
        Ok(place)
    }

    /// The place of this seat, which is free when that is dropped.
    pub(crate) fn of(core: &Arc<Core>, seat: Seat) -> Self {
        Self { core: core.clone(), seat: Some(seat) }
    }

    /// It stays taken.
    pub(crate) fn keep(mut self) -> Option<Seat> {
        self.seat.take()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(seat) = self.seat else { return };
        let places = &self.core.places;
        places.taken.fetch_sub(1, Ordering::AcqRel);
        if seat == Seat::ANY {
            return;
        }
        if let Entry::Occupied(mut taken) = places.by_address.lock().entry(seat.0) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

/// What an address is counted by: all of it in IPv4; in IPv6 its /64, of which whoever has one address has all.
fn key(address: IpAddr) -> NonZeroU64 {
    let bits = match address.to_canonical() {
        IpAddr::V4(address) => V4 | u64::from(address.to_bits()),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => V4 | u64::from(std::net::Ipv4Addr::LOCALHOST.to_bits()),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(V4),
    };
    NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_by_what_one_peer_has() {
        let key = |address: &str| super::key(address.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_eq!(key("::1"), key("127.0.0.1"));
    }

    #[test]
    fn a_seat_is_a_word() {
        assert_eq!(size_of::<Option<Seat>>(), 8);
        assert_ne!(Seat(super::key("ffff::1".parse().unwrap())), Seat::ANY);
    }
}
