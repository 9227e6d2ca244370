//! Making and ending agents.

use super::{AcpType, AgentInputType, AgentNode};
use crate::{
    Failure,
    graphql::{
        access::{Reach, Session},
        input::{optional_object, typed},
    },
    lifecycle::new_id,
};
use agents::{AgentId, NewAgent};
use async_graphql::{Context, ID, InputObject, Json, Object};
use authz::action::Delete;
use serde_json::Value;

/// An agent to be made.
#[derive(InputObject)]
pub struct CreateAgentInput {
    /// Its name, unique within the tenant: lower-case letters, digits and hyphens.
    name: String,
    /// What it is for.
    description: String,
    /// How it is spoken to.
    acp_type: AcpType,
    /// Where it listens.
    acp_url: Option<String>,
    /// What it says of itself: a JSON object.
    registration_metadata: Option<Json<Value>>,
    /// What it is fed with.
    input_type: Option<AgentInputType>,
}

/// Making and ending agents.
#[derive(Default)]
pub struct AgentMutation;

#[Object]
impl AgentMutation {
    /// Makes an agent in the viewer's tenant. The viewer owns it.
    async fn create_agent(&self, ctx: &Context<'_>, input: CreateAgentInput) -> Result<Option<AgentNode>, Failure> {
        if !agents::valid_name(&input.name) {
            return Err(Failure::invalid("`name` must be 1 to 255 lower-case letters, digits and hyphens"));
        }
        let session = Session::of(ctx);
        let new = NewAgent {
            id: AgentId::new(new_id()),
            name: input.name,
            description: input.description,
            acp_type: input.acp_type.into(),
            acp_url: input.acp_url,
            registration_metadata: optional_object("registrationMetadata", input.registration_metadata)?,
            input_type: input.input_type.map(Into::into),
            creator: Some(session.principal().clone()),
        };
        let row = session.create_agent(new).await?;
        let reach = Reach::later::<AgentNode>(ctx, [row.id.clone()]);
        Ok(Some(AgentNode::alone(reach, row)))
    }

    /// Ends an agent and its API keys. Its tasks stay with those whose they are, and can be read, changed and
    /// ended. Answers the agent as it last was.
    async fn delete_agent(&self, ctx: &Context<'_>, id: ID) -> Result<Option<AgentNode>, Failure> {
        let (reach, permit) = Reach::permitted::<AgentNode, Delete>(ctx, typed(&id)).await?;
        let row = reach.session().delete_agent(permit).await?;
        Ok(Some(AgentNode::alone(reach, row)))
    }
}
