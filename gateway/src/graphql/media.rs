//! In which media type an answer goes out.

use http::{HeaderMap, HeaderValue, header};

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/graphql-response+json`.
    GraphQl,
    /// `application/json`.
    Json,
}

impl Media {
    /// The value of `Content-Type`.
    pub const fn header(self) -> HeaderValue {
        match self {
            Self::GraphQl => HeaderValue::from_static("application/graphql-response+json; charset=utf-8"),
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json",
            Self::Json => "application/json",
        }
    }

    /// The one the caller likes best of ours: of two liked alike the one named first, and the plain one for
    /// callers who take anything.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::ACCEPT).iter();
        let ranges: Vec<_> = values
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .filter(|range| !range.trim().is_empty())
            .map(Range::read)
            .collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let liked = [Self::Json, Self::GraphQl].map(|media| (media, media.liked(&ranges)));
        let liked = liked.into_iter().filter_map(|(media, liked)| Some((media, liked?)));
        let best = liked.min_by(|(_, (one, at)), (_, (other, later))| other.total_cmp(one).then(at.cmp(later)));
        best.map(|(media, _)| media)
    }

    /// How much it is liked, and how early it is named: by the range that speaks of it most exactly.
    fn liked(self, ranges: &[Range]) -> Option<(f32, usize)> {
        let (_, at, weight) = ranges
            .iter()
            .enumerate()
            .filter_map(|(at, range)| Some((range.speaks_of(self)?, at, range.weight)))
            .reduce(|best, other| if other.0 > best.0 { other } else { best })?;
        (weight > 0.0).then_some((weight, at))
    }
}

/// One range of an `Accept` header.
struct Range {
    media: String,
    weight: f32,
}

impl Range {
    fn read(text: &str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Self { media, weight: weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0) }
    }

    /// How exactly it speaks of a media type, if it does.
    fn speaks_of(&self, media: Media) -> Option<u8> {
        match self.media.as_str() {
            "*/*" => Some(0),
            "application/*" => Some(1),
            name => (name == media.name()).then_some(2),
        }
    }
}

/// Whether a body is said to be JSON, in the only encoding it has.
pub fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let text = text.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    parts.next() == Some("application/json")
        && parts.filter_map(|part| part.strip_prefix("charset=")).all(|charset| charset.trim_matches('"') == "utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &'static str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(text));
        Media::accepted(&headers)
    }

    #[test]
    fn the_most_exact_range_decides() {
        let (json, graphql) = (Some(Media::Json), Some(Media::GraphQl));
        for (text, expected) in [
            ("", json),
            ("*/*", json),
            ("application/*;q=0.1", json),
            ("application/graphql-response+json, application/json", graphql),
            ("application/json, application/graphql-response+json", json),
            ("application/json;q=0.9, application/graphql-response+json", graphql),
            ("application/json;q=0, */*", graphql),
            ("application/graphql-response+json;q=0, application/*", json),
            ("text/html, application/xhtml+xml, */*;q=0.8", json),
            ("application/graphql-response+json;q=0.2, */*;q=0.1", graphql),
            ("APPLICATION/JSON;Q=0.5", json),
            ("text/plain", None),
            ("*/*;q=0", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(accepted(text), expected, "{text}");
        }
    }
}
