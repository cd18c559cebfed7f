//! Any course of events: what a client reads is what was emitted to it since its session began, from the first on,
//! without a gap and without a repetition, however little is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use enchufe_cluster::Selection;
use enchufe_cluster::recovery::{Bounds, KeptSession, MemoryStore, Pid, Progress, Quota};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// To the client, by one of three ways.
    Emit(u8),
    EmitElsewhere,
    /// The client reads some of what is on its way.
    Read(u8),
    /// The connection breaks: what is on its way is lost.
    Break,
    /// The client comes back, with the offset that it has or, as stock clients may, with the end of a volatile event.
    Return {
        garbage: bool,
    },
    /// The server lets the session go.
    End,
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3u8).prop_map(Step::Emit),
        3 => Just(Step::EmitElsewhere),
        5 => (0..6u8).prop_map(Step::Read),
        3 => Just(Step::Break),
        5 => prop::bool::weighted(0.1).prop_map(|garbage| Step::Return { garbage }),
        1 => Just(Step::End),
        2 => (0..40u8).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..200)
}

type Packet = (u32, String);

struct World {
    store: MemoryStore<Packet, ()>,
    now: u64,
    sessions: u8,
    connected: bool,
    progress: Progress,
    /// What the client knows.
    offset: Option<String>,
    read: usize,
    /// What is on its way to it.
    on_its_way: VecDeque<Packet>,
    /// What was emitted to it since its session began.
    emitted: Vec<u32>,
    count: u32,
    recovered: usize,
}

impl World {
    fn new(max_packets: usize, packet_millis: u64) -> Self {
        let bounds = Bounds { session_millis: 50, packet_millis, max_packets };
        let mut world = Self {
            store: MemoryStore::new(bounds, Arc::new(Quota::new(1 << 20, 100)), 9),
            now: 0,
            sessions: 0,
            connected: true,
            progress: Progress::beginning(0),
            offset: None,
            read: 0,
            on_its_way: VecDeque::new(),
            emitted: Vec::new(),
            count: 0,
            recovered: 0,
        };
        // Somebody else is always there.
        world.store.enter(Pid::new([255; 15]), 99);
        world.begin();
        world
    }

    fn pid(&self) -> Pid {
        Pid::new([self.sessions; 15])
    }

    fn begin(&mut self) {
        self.sessions = self.sessions.wrapping_add(1) % 250;
        self.store.enter(self.pid(), 1);
        self.progress = Progress::beginning(self.store.end());
        self.connected = true;
        self.on_its_way.clear();
        self.emitted.clear();
        self.read = 0;
    }

    fn emit(&mut self, selection: &Selection, direct: bool) -> (u64, Packet) {
        self.count += 1;
        let count = self.count;
        self.store.append(self.now, selection, direct, 10, |offset| (count, offset.to_string()))
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Emit(way) => {
                let (selection, direct) = match way {
                    0 => (Selection::new(), false),
                    1 => (Selection::new().to("lobby").to("me"), false),
                    _ => (Selection::new().to("me"), true),
                };
                let (position, packet) = self.emit(&selection, direct);
                self.emitted.push(packet.0);
                if self.connected {
                    self.progress.hand_out(position, self.store.gone());
                    self.on_its_way.push_back(packet);
                }
            }
            Step::EmitElsewhere => drop(self.emit(&Selection::new().except("lobby"), false)),
            Step::Read(count) => self.read(usize::from(*count)),
            Step::Break if self.connected => {
                self.connected = false;
                self.on_its_way.clear();
                let rooms = vec!["me".into(), "lobby".into()];
                let session = KeptSession { id: "me".into(), rooms, progress: self.progress, data: () };
                let (pid, left) = (self.pid(), self.store.end());
                self.store.leave(self.now, &pid, left, session);
            }
            Step::Return { garbage } if !self.connected => self.come_back(*garbage),
            Step::End if self.connected => {
                let pid = self.pid();
                self.store.end_session(&pid);
                self.begin();
            }
            Step::Wait(millis) => self.now += u64::from(*millis),
            Step::Break | Step::Return { .. } | Step::End => {}
        }
    }

    fn come_back(&mut self, garbage: bool) {
        let offset = if garbage { Some("garbage".to_owned()) } else { self.offset.clone() };
        let pid = self.pid();
        let restored = self.store.restore(self.now, &pid, offset.as_deref(), usize::MAX, |_| 1);
        let Some(restored) = restored else { return self.begin() };
        self.recovered += 1;
        self.connected = true;
        self.progress = restored.session.progress;
        for (position, packet) in restored.missed {
            self.progress.hand_out(position, self.store.gone());
            self.on_its_way.push_back(packet);
        }
        self.store.enter(pid, 1);
    }

    fn read(&mut self, count: usize) {
        for (number, offset) in self.on_its_way.drain(..count.min(self.on_its_way.len())) {
            assert_eq!(self.emitted.get(self.read), Some(&number), "in order, without a gap, once");
            self.offset = Some(offset);
            self.read += 1;
        }
    }
}

fn run(steps: &[Step], max_packets: usize, packet_millis: u64) -> usize {
    let mut world = World::new(max_packets, packet_millis);
    for step in steps {
        world.step(step);
    }
    if !world.connected {
        world.come_back(false);
    }
    world.read(usize::MAX);
    assert_eq!(world.read, world.emitted.len(), "to the last");
    world.recovered
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_lost_silently(steps in steps(), max_packets in 0..12usize, packet_millis in 0..100u64) {
        run(&steps, max_packets, packet_millis);
    }

    /// Where all is kept, everybody who is not too late and does not show garbage is recovered.
    #[test]
    fn who_can_be_recovered_is(steps in steps()) {
        let steps: Vec<_> = steps
            .into_iter()
            .filter(|step| !matches!(step, Step::Wait(_) | Step::Return { garbage: true }))
            .collect();
        let mut connected = true;
        let mut returns = 0;
        for step in &steps {
            match step {
                Step::Break => connected = false,
                Step::Return { .. } if !connected => (connected, returns) = (true, returns + 1),
                _ => {}
            }
        }
        let last = usize::from(!connected);
        prop_assert_eq!(run(&steps, 10_000, u64::MAX), returns + last);
    }
}
