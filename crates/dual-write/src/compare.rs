//! Reads both sides in the order of their ids, a page at a time, and finds the ids of which one side
//! knows what the other does not. Holds a page or two of each side, however many rows there are.

use crate::{Row, ScanError, orphan::judge, scan::RowScan};
use authz::{Kind, Known, RegistrationScan};
use std::{collections::VecDeque, sync::Arc};

/// How much of each side is read at once.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// Rows or registrations of one page.
    pub size: u32,
    /// The most differences that are looked at together.
    pub differences: usize,
}

impl Default for Pages {
    fn default() -> Self {
        Self { size: 5_000, differences: 500 }
    }
}

/// What one stretch of ids came to.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// The ids on which the sides differed when they were read.
    pub(crate) differ: Vec<Arc<str>>,
    /// How many rows were read.
    pub(crate) rows: u64,
    /// How many registrations were read.
    pub(crate) registrations: u64,
}

/// One side, from where it was read to.
struct Side<T> {
    read: VecDeque<T>,
    last: Option<Arc<str>>,
    ended: bool,
}

impl<T: HasId> Side<T> {
    fn behind(place: Option<&Arc<str>>) -> Self {
        Self { read: VecDeque::new(), last: place.cloned(), ended: false }
    }

    /// Reads on when less than half a page is left. Half, so that two sides that drift apart are mostly
    /// still read together.
    async fn fill<F>(&mut self, size: u32, page: impl FnOnce(Option<Arc<str>>) -> F) -> Result<(), ScanError>
    where
        F: Future<Output = Result<Vec<T>, ScanError>>,
    {
        if self.ended || self.read.len() > size as usize / 2 {
            return Ok(());
        }
        let more = page(self.last.clone()).await?;
        self.ended = more.len() < size as usize;
        self.last = more.last().map(|item| Arc::clone(item.id())).or(self.last.take());
        self.read.extend(more);
        Ok(())
    }

    fn next_id(&self) -> Option<&Arc<str>> {
        self.read.front().map(HasId::id)
    }

    fn take(&mut self, id: &str) -> Option<T> {
        self.read.pop_front_if(|item| **item.id() == *id)
    }

    /// Whether there may be more than what has been read, so that what comes next is not known.
    fn runs_dry(&self) -> bool {
        self.read.is_empty() && !self.ended
    }
}

trait HasId {
    fn id(&self) -> &Arc<str>;
}

impl HasId for Row {
    fn id(&self) -> &Arc<str> {
        &self.id
    }
}

impl HasId for Known {
    fn id(&self) -> &Arc<str> {
        &self.id
    }
}

/// Both sides of one kind, merged.
pub(crate) struct Merge {
    kind: Kind,
    pages: Pages,
    rows: Side<Row>,
    registrations: Side<Known>,
    place: Option<Arc<str>>,
}

impl Merge {
    /// Begins behind `after`.
    pub(crate) fn new(kind: Kind, after: Option<Arc<str>>, pages: Pages) -> Self {
        let (rows, registrations) = (Side::behind(after.as_ref()), Side::behind(after.as_ref()));
        Self { kind, pages, rows, registrations, place: after }
    }

    /// What is compared.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The last id that has been compared.
    pub(crate) fn place(&self) -> Option<&Arc<str>> {
        self.place.as_ref()
    }

    /// Whether all ids have been compared.
    pub(crate) fn is_done(&self) -> bool {
        let empty = self.rows.read.is_empty() && self.registrations.read.is_empty();
        empty && self.rows.ended && self.registrations.ended
    }

    /// Compares what one page holds, or less when much differs.
    pub(crate) async fn stretch(
        &mut self,
        rows: &dyn RowScan,
        registrations: &dyn RegistrationScan,
    ) -> Result<Stretch, ScanError> {
        let (kind, size) = (self.kind, self.pages.size);
        let read_rows = self.rows.fill(size, |after| async move { rows.page(kind, after.as_deref(), size).await });
        let read_registrations = self
            .registrations
            .fill(size, |after| async move { Ok(registrations.page(kind, after.as_deref(), size).await?) });
        tokio::try_join!(read_rows, read_registrations)?;

        let mut stretch = Stretch::default();
        while stretch.differ.len() < self.pages.differences && !self.rows.runs_dry() && !self.registrations.runs_dry() {
            let Some(id) = self.rows.next_id().into_iter().chain(self.registrations.next_id()).min().cloned() else {
                break;
            };
            let (row, known) = (self.rows.take(&id), self.registrations.take(&id));
            stretch.rows += u64::from(row.is_some());
            stretch.registrations += u64::from(known.is_some());
            if judge(kind, row.as_ref(), known.as_ref()).is_some() {
                stretch.differ.push(Arc::clone(&id));
            }
            self.place = Some(id);
        }
        Ok(stretch)
    }
}
