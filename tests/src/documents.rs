//! GraphQL documents that more than one test sends.

/// Makes a task.
pub const CREATE_TASK: &str = "mutation($input: CreateTaskInput!) { createTask(input: $input) { id name status } }";
/// Makes an agent.
pub const CREATE_AGENT: &str = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { id name } }";
/// Makes an API key.
pub const CREATE_API_KEY: &str = "mutation($input: CreateApiKeyInput!) {
    createApiKey(input: $input) { secret apiKey { id name type prefix agentId } }
}";
/// Lets somebody see or edit a task.
pub const SHARE_TASK: &str = "mutation($id: ID!, $principal: String!, $role: SharedRole!) {
    shareTask(id: $id, principal: $principal, role: $role) { id }
}";
/// Takes that back.
pub const UNSHARE_TASK: &str = "mutation($id: ID!, $principal: String!, $role: SharedRole!) {
    unshareTask(id: $id, principal: $principal, role: $role) { id }
}";
/// Fetches a task.
pub const TASK: &str = "query($id: ID!) { task(id: $id) { id name status } }";
/// Fetches a task by its name.
pub const TASK_BY_NAME: &str = "query($name: String!) { task(name: $name) { id name status } }";
/// Appends an event to a task.
pub const APPEND_EVENT: &str = "mutation($input: AppendEventInput!) { appendEvent(input: $input) { id } }";
/// Makes a task and shows what a test wants to know of it.
pub const MAKE_TASK: &str =
    "mutation($input: CreateTaskInput!) { createTask(input: $input) { id name trackers { id } agents { name } } }";
/// Makes a task known to an editor and a viewer, and gives it an event and a checkpoint.
pub const FURNISH_TASK: &str = "mutation(
    $id: ID!, $editor: String!, $viewer: String!, $event: AppendEventInput!, $checkpoint: PutCheckpointInput!
) {
    editor: shareTask(id: $id, principal: $editor, role: EDITOR) { id }
    viewer: shareTask(id: $id, principal: $viewer, role: VIEWER) { id }
    appendEvent(input: $event) { id }
    putCheckpoint(input: $checkpoint) { checkpointId }
}";
