//! Handles of the instruments that every request counts on, kept by each thread: asking a recorder for one costs many
//! times what counting does.

use crate::registry::Instrument;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, with_recorder};
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::LocalKey,
};

/// The most labels of an instrument.
const LABELS: usize = 4;

/// A series: where its instrument's name and the values of its labels stand. The same words may stand in two places, and
/// are then kept twice.
type Series = (*const str, [*const str; LABELS]);

type Kept<H> = RefCell<HashMap<Series, H, foldhash::fast::FixedState>>;

thread_local! {
    static COUNTERS: Kept<Counter> = RefCell::default();
    static GAUGES: Kept<Gauge> = RefCell::default();
    static HISTOGRAMS: Kept<Histogram> = RefCell::default();
}

/// Whether the recorder stays.
static STAYS: AtomicBool = AtomicBool::new(false);

/// Says that the process has its recorder, and will have no other: handles are kept from now on.
pub fn recorder_stays() {
    STAYS.store(true, Ordering::Relaxed);
}

/// The same text, for good. For what a gateway knows when it starts, such as the templates of its routes, and never for
/// what a caller writes.
pub(crate) fn known(text: &str) -> &'static str {
    static KNOWN: RwLock<Option<HashSet<&'static str>>> = RwLock::new(None);
    let found = |all: &Option<HashSet<&'static str>>| all.as_ref().and_then(|all| all.get(text).copied());
    if let Some(known) = found(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
        return known;
    }
    let mut all = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = found(&all) {
        return known;
    }
    let known: &'static str = Box::leak(text.into());
    all.get_or_insert_default().insert(known);
    known
}

/// Adds to a counter, whose labels have these values, in the registry's order.
pub(crate) fn add<const N: usize>(instrument: &Instrument, values: [&'static str; N], count: u64) {
    let register = |key: &Key| with_recorder(|recorder| recorder.register_counter(key, &METADATA));
    with(&COUNTERS, instrument, values, register, |counter| counter.increment(count));
}

/// Adds to a gauge, or takes away from it.
pub(crate) fn shift<const N: usize>(instrument: &Instrument, values: [&'static str; N], by: f64) {
    let register = |key: &Key| with_recorder(|recorder| recorder.register_gauge(key, &METADATA));
    with(&GAUGES, instrument, values, register, |gauge| gauge.increment(by));
}

/// Records a value of a histogram.
pub(crate) fn record<const N: usize>(instrument: &Instrument, values: [&'static str; N], value: f64) {
    let register = |key: &Key| with_recorder(|recorder| recorder.register_histogram(key, &METADATA));
    with(&HISTOGRAMS, instrument, values, register, |histogram| histogram.record(value));
}

const METADATA: Metadata<'static> = Metadata::new("instruments", Level::INFO, None);

fn with<H: Clone + 'static, const N: usize>(
    kept: &'static LocalKey<Kept<H>>,
    instrument: &Instrument,
    values: [&'static str; N],
    register: impl Fn(&Key) -> H,
    work: impl FnOnce(&H),
) {
    const { assert!(N <= LABELS, "a series has room for so many labels") };
    debug_assert_eq!(instrument.labels.len(), N, "{}", instrument.name);
    let register = || {
        let labels =
            instrument.labels.iter().zip(values).map(|(label, value)| Label::from_static_parts(label.name, value));
        register(&Key::from_parts(instrument.name, labels.collect::<Vec<_>>()))
    };
    if !STAYS.load(Ordering::Relaxed) {
        return work(&register());
    }
    let mut at = [std::ptr::from_ref(""); LABELS];
    for (at, value) in at.iter_mut().zip(values) {
        *at = std::ptr::from_ref(value);
    }
    // Not within the borrow: whatever counts may make others count. And a thread that ends keeps nothing any more.
    let series = (std::ptr::from_ref(instrument.name), at);
    let handle = kept
        .try_with(|kept| kept.try_borrow_mut().map(|mut kept| kept.entry(series).or_insert_with(&register).clone()));
    match handle {
        Ok(Ok(handle)) => work(&handle),
        Ok(Err(_)) | Err(_) => work(&register()),
    }
}
