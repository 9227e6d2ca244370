//! Several callers and reconcilers at once, in every order the dice come up with: making, ending, renaming,
//! reconciling, hanging up, and registrations that apply late.

use crate::world::{STEP, World, account, reconcile, task, world};
use authz::{Kind, ResourceRef};
use chrono::{TimeDelta, Utc};
use dual_write::{DualWrite, Intent, Mode, Reconciler, Switch};
use futures::future::{join, join_all};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::time::{sleep, timeout};

/// Longer than all attempts to register together, as configurations must have it.
const PATIENCE: u32 = 60;
const WORKERS: usize = 4;
const TURNS: usize = 12;
const NAMES: u32 = 8;

/// What callers were told.
#[derive(Default)]
struct Told {
    made: BTreeSet<ResourceRef>,
    /// Either outcome is right, until it is acknowledged.
    asked_to_end: BTreeSet<ResourceRef>,
    ended: BTreeSet<ResourceRef>,
}

struct Play {
    world: Arc<World>,
    dual_write: Arc<DualWrite>,
    reconciler: Reconciler,
    told: Mutex<Told>,
    next: AtomicU64,
    /// Whether switches are turned meanwhile.
    turns: bool,
}

impl Play {
    fn new(seed: u64, trouble: u32, turns: bool) -> Self {
        let patience = TimeDelta::from_std(STEP * PATIENCE).unwrap();
        let (world, dual_write) = world(seed, trouble, patience);
        let reconciler = Reconciler {
            dual_write: dual_write.clone(),
            grace: patience,
            lease: TimeDelta::milliseconds(30),
            batch: 3,
        };
        Self { world, dual_write, reconciler, told: Mutex::default(), next: AtomicU64::new(0), turns }
    }

    async fn create(&self) {
        let registration = task(self.next.fetch_add(1, Ordering::Relaxed));
        let (resource, name) = (registration.resource.clone(), self.name());
        let make = self.dual_write.create(&registration, None, async |registered| {
            // Now and then a commit comes so late that a reconciler has taken over.
            if self.world.roll(8) == 0 {
                sleep(STEP * (PATIENCE + self.world.roll(PATIENCE))).await;
            }
            self.world.persist(resource.clone(), &name, registered).await
        });
        if make.await.is_ok() {
            self.told.lock().unwrap().made.insert(resource);
        }
    }

    async fn delete(&self) {
        let Some(resource) = self.any() else { return };
        self.told.lock().unwrap().asked_to_end.insert(resource.clone());
        let ending = self.dual_write.ending().of(account(resource.id.parse().unwrap()));
        let intent = Intent::deregister(resource.clone(), &ending, Some(Utc::now()));
        if let Ok(removed) = self.world.remove(&intent).await {
            if removed {
                self.dual_write.finish(&intent).await;
            }
            self.told.lock().unwrap().ended.insert(resource);
        }
    }

    async fn rename(&self) {
        if let Some(resource) = self.any() {
            let _ = self.world.rename(&resource, &self.name()).await;
        }
    }

    /// Turns every account's switch, one way or another.
    fn switch(&self) {
        let modes = [Mode::Off, Mode::Shadow, Mode::On, Mode::On];
        let switch = |n: u64| Switch {
            kind: Kind::Task,
            account: Some(account(n).into()),
            mode: modes[self.world.roll(4) as usize],
            at: Utc::now(),
            by: String::new(),
            reason: String::new(),
        };
        self.dual_write.switches.replace((0..3).map(switch).collect());
    }

    /// One of the resources that have a row, if any has.
    fn any(&self) -> Option<ResourceRef> {
        let rows: Vec<_> = self.world.with_row().into_iter().collect();
        let at = self.world.roll(u32::try_from(rows.len()).ok()?.max(1));
        rows.get(at as usize).cloned()
    }

    fn name(&self) -> String {
        self.world.roll(NAMES).to_string()
    }

    async fn turn(&self) {
        let work = async {
            match self.world.roll(if self.turns { 11 } else { 10 }) {
                10 => self.switch(),
                0..4 => self.create().await,
                4..6 => self.delete().await,
                6..8 => self.rename().await,
                _ => drop(self.reconciler.sweep().await),
            }
        };
        match self.world.roll(3) {
            // Somebody hangs up.
            0 => drop(timeout(STEP * (1 + self.world.roll(25)), work).await),
            _ => work.await,
        }
        self.look();
    }

    /// What is true at every moment.
    fn look(&self) {
        let relationships = self.world.relationships.lock().unwrap();
        let (owed, visible) = (self.world.owed.lock().unwrap(), self.world.with_row());
        let known = |row: &ResourceRef| relationships.contains(row) || owed.contains_key(row);
        assert!(visible.iter().all(known), "a row is visible without its relationships, and owes none");
        let rows = self.world.rows.lock().unwrap();
        assert_eq!(rows.values().collect::<BTreeSet<_>>().len(), rows.len(), "two rows have one name");
    }

    /// Lets registrations that timed out apply, each well within the time that reconcilers allow for.
    async fn stragglers(&self) {
        for _ in 0..TURNS * 20 {
            sleep(STEP * (1 + self.world.roll(PATIENCE / 4))).await;
            while !self.world.late.lock().unwrap().is_empty() {
                self.world.apply_late();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_every_order_both_sides_agree() {
    play(false).await;
}

#[tokio::test(start_paused = true)]
async fn w10_however_switches_are_turned_both_sides_agree_in_the_end() {
    play(true).await;
}

async fn play(turns: bool) {
    let mut overtaken = 0;
    for seed in 0..300 {
        let play = Play::new(seed, [0, 10, 30][(seed % 3) as usize], turns);
        let worker = async || {
            for _ in 0..TURNS {
                play.turn().await;
            }
        };
        join(join_all((0..WORKERS).map(|_| worker())), play.stragglers()).await;
        *play.world.trouble.lock().unwrap() /= 2;
        play.dual_write.switches.replace(vec![]);
        overtaken += play.world.intents.lock().unwrap().len();
        reconcile(&play.world, &play.dual_write).await;
        let (rows, relationships) = (play.world.with_row(), play.world.relationships.lock().unwrap());
        assert_eq!(rows, *relationships, "seed {seed}");
        let told = play.told.lock().unwrap();
        assert!(
            told.made.difference(&told.asked_to_end).all(|made| rows.contains(made)),
            "seed {seed}: an acknowledged row is lost"
        );
        assert!(told.ended.is_disjoint(&rows), "seed {seed}: an ended row is still there");
    }
    assert!(overtaken > 0, "nothing was ever left to reconcilers");
}
