//! What PostgreSQL's `jsonb` says of JSON, so that both stores say the same.

use serde_json::{Map, Number, Value};

/// Whether text can be stored: PostgreSQL has no U+0000.
pub(crate) fn storable(text: &str) -> bool {
    !text.contains('\0')
}

/// Whether every text in the object can be stored.
pub(crate) fn all_storable(object: &Map<String, Value>) -> bool {
    object.iter().all(|(key, value)| storable(key) && value_storable(value))
}

/// Whether every text in the value can be stored.
pub(crate) fn value_storable(value: &Value) -> bool {
    match value {
        Value::String(text) => storable(text),
        Value::Array(items) => items.iter().all(value_storable),
        Value::Object(object) => all_storable(object),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Whether two values are equal. Numbers are compared by what they are worth: 1 is 1.0.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => same_number(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => same_object(left, right),
        _ => left == right,
    }
}

/// Whether two objects are equal, in the same sense.
pub(crate) fn same_object(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    let same_field = |(key, left): (&String, &Value)| right.get(key).is_some_and(|right| same(left, right));
    left.len() == right.len() && left.iter().all(same_field)
}

fn same_number(left: &Number, right: &Number) -> bool {
    left == right || ((left.is_f64() || right.is_f64()) && left.as_f64() == right.as_f64())
}

/// Whether `left` contains `right`, as `left @> right`: every field of an object is contained in the
/// field of the same name, every item of an array in some item, and anything else is equal.
pub(crate) fn contains(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    right.iter().all(|(key, right)| left.get(key).is_some_and(|left| value_contains(left, right)))
}

fn value_contains(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => contains(left, right),
        (Value::Array(left), Value::Array(right)) => {
            right.iter().all(|right| left.iter().any(|left| value_contains(left, right)))
        }
        _ => same(left, right),
    }
}

/// Whether `left`, if it is an object, contains the fields that are asked for, if any are.
pub(crate) fn matches(left: Option<&Value>, wanted: Option<&Map<String, Value>>) -> bool {
    let Some(wanted) = wanted else { return true };
    left.and_then(Value::as_object).is_some_and(|left| contains(left, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_equal_by_worth() {
        for (left, right) in
            [(json!(1), json!(1.0)), (json!(0.0), json!(-0.0)), (json!([1, {"a": 2.0}]), json!([1.0, {"a": 2}]))]
        {
            assert!(same(&left, &right), "{left} and {right}");
        }
        for (left, right) in [(json!(1), json!(1.5)), (json!(u64::MAX), json!(u64::MAX - 1)), (json!("1"), json!(1))] {
            assert!(!same(&left, &right), "{left} and {right}");
        }
    }

    #[test]
    fn nul_is_found_wherever_it_hides() {
        for bad in [json!("\0"), json!(["a", ["\0"]]), json!({"a": {"\0": 1}})] {
            assert!(!value_storable(&bad), "{bad}");
        }
        assert!(value_storable(&json!({"a": ["b", null, 0, true, "\u{1}"]})));
    }
}
