// What the console asks of GraphQL. The types are generated from the schema when the console is checked.

/** @import * as G from "./generated/graphql.js" */

/**
 * A document, which says what it takes and what it brings.
 * @template Data, Variables
 * @typedef {string & { __brings?: Data, __takes?: (variables: Variables) => void }} Operation
 */

const SUMMARY = /* GraphQL */ `
  fragment Summary on Task {
    id
    name
    status
    updatedAt
  }
`;

const PERMITTED = /* GraphQL */ `
  fragment Permitted on Task {
    id
    status
    viewerCan {
      read
      update
      execute
      cancel
      delete
      share
    }
  }
`;

/** @type {Operation<G.ViewerQuery, G.ViewerQueryVariables>} */
export const VIEWER = /* GraphQL */ `
  query Viewer {
    viewer {
      principal
      tenant
    }
  }
`;

/** @type {Operation<G.AgentsQuery, G.AgentsQueryVariables>} */
export const AGENTS = /* GraphQL */ `
  query Agents {
    agents(first: 100, orderBy: { field: NAME, direction: ASC }) {
      nodes {
        id
        name
        viewerCan {
          execute
        }
      }
    }
  }
`;

/** @type {Operation<G.TasksQuery, G.TasksQueryVariables>} */
export const TASKS = /* GraphQL */ `
  query Tasks($after: String, $filter: TaskFilter, $orderBy: TaskOrder) {
    tasks(first: 50, after: $after, filter: $filter, orderBy: $orderBy) {
      nodes {
        ...Summary
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${SUMMARY}
`;

/** @type {Operation<G.FindQuery, G.FindQueryVariables>} */
export const FIND = /* GraphQL */ `
  query Find($id: ID, $name: String) {
    task(id: $id, name: $name) {
      id
    }
  }
`;

/** @type {Operation<G.TaskQuery, G.TaskQueryVariables>} */
export const TASK = /* GraphQL */ `
  query Task($id: ID!) {
    task(id: $id) {
      ...Summary
      ...Permitted
      statusReason
      createdAt
      cleanedAt
      params
      taskMetadata
      agents {
        id
        name
        status
      }
    }
  }
  ${SUMMARY}
  ${PERMITTED}
`;

/** @type {Operation<G.TrackersQuery, G.TrackersQueryVariables>} */
export const TRACKERS = /* GraphQL */ `
  query Trackers($id: ID!) {
    task(id: $id) {
      trackers {
        id
        agentId
        status
        statusReason
        lastProcessedEventId
        updatedAt
      }
    }
  }
`;

/** @type {Operation<G.CheckpointsQuery, G.CheckpointsQueryVariables>} */
export const CHECKPOINTS = /* GraphQL */ `
  query Checkpoints($id: ID!, $after: String) {
    task(id: $id) {
      checkpoints(first: 50, after: $after) {
        nodes {
          namespace
          checkpointId
          metadata
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`;

/** @type {Operation<G.CheckpointQuery, G.CheckpointQueryVariables>} */
export const CHECKPOINT = /* GraphQL */ `
  query Checkpoint($threadId: ID!, $namespace: String!, $checkpointId: ID!) {
    checkpoint(threadId: $threadId, namespace: $namespace, checkpointId: $checkpointId) {
      namespace
      checkpointId
      parentCheckpointId
      checkpoint
      metadata
      blobs {
        channel
        version
        type
      }
      pendingWrites {
        taskId
        idx
        channel
        type
      }
    }
  }
`;

/** @type {Operation<G.AccessQuery, G.AccessQueryVariables>} */
export const ACCESS = /* GraphQL */ `
  query Access($id: ID!, $creator: Boolean!, $access: Boolean!) {
    task(id: $id) {
      creator @include(if: $creator)
      access @include(if: $access) {
        principal
        role
      }
    }
  }
`;

/** @type {Operation<G.CreateTaskMutation, G.CreateTaskMutationVariables>} */
export const CREATE = /* GraphQL */ `
  mutation CreateTask($input: CreateTaskInput!) {
    createTask(input: $input) {
      id
    }
  }
`;

/** @type {Operation<G.UpdateTaskMutation, G.UpdateTaskMutationVariables>} */
export const UPDATE = /* GraphQL */ `
  mutation UpdateTask($id: ID!, $input: UpdateTaskInput!) {
    updateTask(id: $id, input: $input) {
      id
    }
  }
`;

/** @type {Operation<G.CompleteTaskMutation, G.CompleteTaskMutationVariables>} */
export const COMPLETE = /* GraphQL */ `
  mutation CompleteTask($id: ID!, $reason: String) {
    completeTask(id: $id, reason: $reason) {
      id
    }
  }
`;

/** @type {Operation<G.InterruptTaskMutation, G.InterruptTaskMutationVariables>} */
export const INTERRUPT = /* GraphQL */ `
  mutation InterruptTask($id: ID!, $reason: String) {
    interruptTask(id: $id, reason: $reason) {
      id
    }
  }
`;

/** @type {Operation<G.FailTaskMutation, G.FailTaskMutationVariables>} */
export const FAIL = /* GraphQL */ `
  mutation FailTask($id: ID!, $reason: String) {
    failTask(id: $id, reason: $reason) {
      id
    }
  }
`;

/** @type {Operation<G.CancelTaskMutation, G.CancelTaskMutationVariables>} */
export const CANCEL = /* GraphQL */ `
  mutation CancelTask($id: ID!, $reason: String) {
    cancelTask(id: $id, reason: $reason) {
      id
    }
  }
`;

/** @type {Operation<G.DeleteTaskMutation, G.DeleteTaskMutationVariables>} */
export const DELETE = /* GraphQL */ `
  mutation DeleteTask($id: ID!) {
    deleteTask(id: $id) {
      id
    }
  }
`;

/** @type {Operation<G.ShareTaskMutation, G.ShareTaskMutationVariables>} */
export const SHARE = /* GraphQL */ `
  mutation ShareTask($id: ID!, $principal: String!, $role: SharedRole!) {
    shareTask(id: $id, principal: $principal, role: $role) {
      id
    }
  }
`;

/** @type {Operation<G.UnshareTaskMutation, G.UnshareTaskMutationVariables>} */
export const UNSHARE = /* GraphQL */ `
  mutation UnshareTask($id: ID!, $principal: String!, $role: SharedRole!) {
    unshareTask(id: $id, principal: $principal, role: $role) {
      id
    }
  }
`;
