//! Which rows of a scope make a page.

use crate::Trouble;
use authz::{After, Direction, Extent, Page, Resource, Scope, Start, Window, action::Marker};
use std::cmp::Ordering;

/// The extent of a scope, with nobody left to ask: rows are looked at under a lock, which waits for nobody.
pub(crate) async fn settled<R: Resource, A: Marker>(scope: &Scope<R, A>) -> Result<Extent, Trouble> {
    match scope.extent() {
        Extent::Asked(sieve) => Ok(sieve.all().await?),
        extent @ (Extent::Everything | Extent::Ids(_) | Extent::Where(_) | Extent::Beside(_)) => Ok(extent.clone()),
    }
}

/// Whether the resource with this id is in the extent.
fn sees(extent: &Extent, id: &str) -> Result<bool, Trouble> {
    match extent {
        Extent::Everything => Ok(true),
        Extent::Ids(ids) => Ok(ids.contains(id)),
        Extent::Where(holds) => Ok(holds(id)),
        Extent::Beside(_) | Extent::Asked(_) => Err(Trouble::RelationshipsElsewhere),
    }
}

/// Those rows whose resource is in the extent.
pub(crate) fn visible<'t, T>(
    rows: impl Iterator<Item = &'t T>,
    extent: &Extent,
    id: impl Fn(&T) -> &str,
) -> Result<Vec<&'t T>, Trouble> {
    rows.filter_map(|row| sees(extent, id(row)).map(|sees| sees.then_some(row)).transpose()).collect()
}

/// The window's page of `rows`, sorted by where `after` says that each row ends.
pub(crate) fn page<'t, T: Clone>(rows: Vec<&'t T>, window: &Window, after: impl Fn(&T) -> After) -> Page<T> {
    let mut rows: Vec<(After, &'t T)> = rows.into_iter().map(|row| (after(row), row)).collect();
    rows.sort_unstable_by(|(left, _), (right, _)| in_order(left, right, window.direction));
    let shown: Box<dyn Iterator<Item = (After, &'t T)>> = match &window.start {
        Start::First => Box::new(rows.into_iter()),
        Start::Skip(count) => Box::new(rows.into_iter().skip(usize::try_from(*count).unwrap_or(usize::MAX))),
        Start::After(last) => {
            Box::new(rows.into_iter().filter(|(row, _)| in_order(row, last, window.direction) == Ordering::Greater))
        }
    };
    let one_more = (window.limit as usize).saturating_add(1);
    Page::cut(shown.take(one_more).map(|(_, row)| row.clone()).collect(), window.limit)
}

fn in_order(left: &After, right: &After, direction: Direction) -> Ordering {
    let ascending = (&left.key, &left.id).cmp(&(&right.key, &right.id));
    match direction {
        Direction::Ascending => ascending,
        Direction::Descending => ascending.reverse(),
    }
}
