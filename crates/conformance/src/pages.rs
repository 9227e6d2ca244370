//! Turning the pages of a list.

use authz::{After, Page, Start, Window};

/// More rows than any case makes: a list that is longer goes round in circles.
pub(crate) const LONGEST: usize = 1000;

/// All rows of a list, found page by page: each page starts behind the last row of the one before.
pub(crate) async fn walk<T>(
    mut window: Window,
    page: impl AsyncFn(&Window) -> Page<T>,
    after: impl Fn(&T) -> After,
) -> Vec<T> {
    let mut found = Vec::new();
    loop {
        let Page { rows, more } = page(&window).await;
        assert!(!more || rows.len() == window.limit as usize, "a page that is short and not the last");
        if let Some(last) = rows.last() {
            window.start = Start::After(after(last));
        }
        found.extend(rows);
        assert!(found.len() <= LONGEST, "a list that does not end");
        if !more {
            return found;
        }
    }
}
