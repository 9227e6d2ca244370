//! What every engine must answer in the worlds that `tests/corpus` describes, and to the assertions about the schema.

mod files;

use authz::Authorizer;
use std::sync::Arc;

suite! { $ corpus(Arc<dyn Authorizer>) {
    files: [
        roles_on_tasks,
        tenant_gate,
        agents_and_runtimes,
        api_keys,
        strangers_and_odd_ids,
        revoked,
        many,
        schema_assertions,
    ],
} }

type Engine = Arc<dyn Authorizer>;
