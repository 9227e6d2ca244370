//! The demo tenant: enough people, agents and tasks to try every permission, made through the same
//! gate as everything else.

use crate::{
    App, Introspection, Parts,
    config::Config,
    lifecycle::{self, TaskDraft},
    storage::Storage,
};
use agents::{AcpType, NewAgent};
use anyhow::Context as _;
use authz::{
    Action, Agent, Authorizer as _, Gate, Id, Kind, Principal, Relation, Relationship, ResourceRef, Role, Target,
    action::{Share, Update},
};
use checkpoints::NewCheckpoint;
use conversations::NewEvent;
use dual_write::Inspector;
use identity::{AuthContext, Operated, TokenTable};
use rand::distr::{Alphanumeric, SampleString as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, io, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc};

const TENANT: &str = "demo";
const ELSEWHERE: &str = "elsewhere";
const AGENT: &str = "demo-agent";
const FOREIGN_AGENT: &str = "private-agent";
const TASKS: [&str; 3] = ["demo-research", "demo-report", "demo-triage"];

/// Somebody of the demo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// What they send to say who they are.
    pub token: String,
    /// Who they are.
    pub principal: String,
    /// The tenant they work in.
    pub tenant: String,
}

/// What a script needs to use the demo.
#[derive(Clone, Debug, Serialize)]
pub struct Demo {
    /// Where the gateway listens.
    pub url: String,
    /// Where it speaks GraphQL.
    pub graphql_url: String,
    /// The agent that the demo's tasks run on.
    pub agent_id: String,
    /// The tenant of everybody but the stranger.
    pub tenant: &'static str,
    /// Everybody, by part.
    pub principals: BTreeMap<&'static str, Member>,
}

impl Demo {
    /// Makes what is missing of the demo. Tokens stay the same while the data folder does.
    pub async fn seed(
        config: &Config,
        storage: &Storage,
        inspector: &Arc<Inspector>,
        url: String,
    ) -> anyhow::Result<Self> {
        let stage = Stage::new(config, storage, inspector);
        stage.people().await?;
        let agent = stage.agent(&stage.owner, AGENT).await?;
        stage.tasks(&agent).await?;
        let foreign = stage.agent(&stage.stranger, FOREIGN_AGENT).await?;
        stage.task(&stage.stranger, &foreign, "private-affairs").await?;

        let mut tokens = Tokens::load(&config.data_dir)?;
        let agent_principal = Principal::agent(&agent);
        let cast: [(&'static str, &Principal, &str); 6] = [
            ("owner", stage.owner.principal(), TENANT),
            ("editor", &stage.editor, TENANT),
            ("viewer", &stage.viewer, TENANT),
            ("stranger", stage.stranger.principal(), ELSEWHERE),
            ("agent", &agent_principal, TENANT),
            ("operator", &stage.operator, TENANT),
        ];
        let principals = cast
            .into_iter()
            .map(|(part, principal, tenant)| {
                let member =
                    Member { token: tokens.of(part), principal: principal.to_string(), tenant: tenant.to_owned() };
                (part, member)
            })
            .collect();
        tokens.save(&config.data_dir)?;
        Ok(Self { graphql_url: format!("{url}/graphql"), url, agent_id: agent.to_string(), tenant: TENANT, principals })
    }

    /// Everybody's token, for the resolver.
    pub fn admit(&self, mut table: TokenTable) -> anyhow::Result<TokenTable> {
        for (part, member) in &self.principals {
            let context = AuthContext::new(member.principal.parse()?, Id::new(member.tenant.as_str()));
            let context = if *part == "operator" { context.operating() } else { context };
            table = table.with(&member.token, context);
        }
        Ok(table)
    }

    /// Writes the demo for scripts, whole or not at all, readable by its owner only.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_private(path, &serde_json::to_vec_pretty(self)?).with_context(|| format!("writing `{}`", path.display()))
    }
}

/// Those who play in the demo, and what they play on.
struct Stage {
    app: App,
    owner: Gate,
    stranger: Gate,
    editor: Principal,
    viewer: Principal,
    operator: Principal,
}

impl Stage {
    fn new(config: &Config, storage: &Storage, inspector: &Arc<Inspector>) -> Self {
        let app = App::new(Parts {
            engine: storage.engine.router.clone(),
            dual_write: Arc::clone(&inspector.dual_write),
            inspector: Operated::new(Arc::clone(inspector)),
            explainers: Operated::new(storage.engine.explainers.clone()),
            switches: Operated::new(Arc::clone(&storage.switches)),
            routes: Operated::new(Arc::clone(&storage.routes)),
            // Nobody calls this application; it only acts.
            resolver: Arc::new(TokenTable::default()),
            sealer: config.sealer(),
            stores: storage.stores.clone(),
            denials: config.denials.into(),
            limits: config.limits,
            request_timeout: config.request_timeout(),
            introspection: Introspection::Nobody,
        });
        let gate = |id: &str, tenant: &str| app.gate(&AuthContext::new(Principal::user(id), Id::new(tenant)));
        Self {
            owner: gate("demo-owner", TENANT),
            stranger: gate("demo-stranger", ELSEWHERE),
            editor: Principal::user("demo-editor"),
            viewer: Principal::user("demo-viewer"),
            operator: Principal::user("demo-operator"),
            app,
        }
    }

    async fn people(&self) -> anyhow::Result<()> {
        let joins = |tenant: &str, relation, who: &Principal| {
            Relationship::held(ResourceRef { kind: Kind::Tenant, id: tenant.into() }, relation, who)
        };
        let relationships = [
            joins(TENANT, Relation::Member, self.owner.principal()),
            joins(TENANT, Relation::Member, &self.editor),
            joins(TENANT, Relation::Member, &self.viewer),
            joins(TENANT, Relation::Admin, &self.operator),
            joins(ELSEWHERE, Relation::Member, self.stranger.principal()),
        ];
        self.app.engine.grant(&relationships).await.map(drop).context("making the demo tenant")
    }

    async fn agent(&self, owner: &Gate, name: &str) -> anyhow::Result<Id<Agent>> {
        if let Some(row) = self.app.stores.agents.id_by_name(owner.tenant(), name).await? {
            return Ok(row.id);
        }
        let new = NewAgent {
            id: Id::new(lifecycle::new_id()),
            name: name.to_owned(),
            description: "Works on the demo's tasks.".to_owned(),
            acp_type: AcpType::Async,
            acp_url: Some("http://127.0.0.1:1/acp".to_owned()),
            registration_metadata: None,
            input_type: None,
            creator: Some(owner.principal().clone()),
        };
        let id = lifecycle::create_agent(&self.app, owner, new).await?.id;
        if owner.tenant() == self.owner.tenant() {
            let permit = owner.permit::<Agent, Share>(&Target::known(id.clone())).await?;
            owner.share(&permit, Role::Editor, &self.editor).await?;
            owner.share(&permit, Role::Viewer, &self.viewer).await?;
        }
        Ok(id)
    }

    async fn tasks(&self, agent: &Id<Agent>) -> anyhow::Result<()> {
        for name in TASKS {
            let Some(task) = self.task(&self.owner, agent, name).await? else { continue };
            let permit = self.owner.permit::<authz::Task, Share>(&task).await?;
            self.owner.share(&permit, Role::Editor, &self.editor).await?;
            self.owner.share(&permit, Role::Viewer, &self.viewer).await?;
            self.converse(&task, agent).await?;
        }
        Ok(())
    }

    /// Makes a task, unless there is one of that name.
    async fn task(&self, owner: &Gate, agent: &Id<Agent>, name: &str) -> anyhow::Result<Option<Target<authz::Task>>> {
        if self.app.stores.tasks.id_by_name(owner.tenant(), name).await?.is_some() {
            return Ok(None);
        }
        let draft = TaskDraft {
            name: Some(name.to_owned()),
            params: Some(object(json!({ "goal": name.trim_start_matches("demo-") }))),
            metadata: Some(object(json!({ "demo": true }))),
        };
        let task = lifecycle::create_task(&self.app, owner, &Target::known(agent.clone()), draft).await?;
        Ok(Some(Target::known(task.id)))
    }

    async fn converse(&self, task: &Target<authz::Task>, agent: &Id<Agent>) -> anyhow::Result<()> {
        let grants = self.owner.grants(std::slice::from_ref(task), Action::Read | Action::Update).await?;
        let grants = grants.first().context("no decision")?;
        let update = grants.permit::<Update>()?;
        let content = json!({ "type": "text", "author": "user", "content": "Please begin." });
        let event = NewEvent { id: lifecycle::new_id(), agent: agent.clone(), content: Some(content) };
        self.app.stores.events.append(&update, event).await?;
        let checkpoint = NewCheckpoint {
            namespace: String::new(),
            id: lifecycle::new_id(),
            parent_id: None,
            checkpoint: object(json!({ "v": 4, "channel_versions": {}, "channel_values": { "step": "begun" } })),
            metadata: object(json!({ "source": "input", "step": 0 })),
            blobs: Vec::new(),
        };
        let there = self.app.stores.checkpoints.put(&update, checkpoint).await?;
        anyhow::ensure!(there, "a demo task is gone");
        Ok(())
    }
}

/// The demo's tokens, by part, kept in the data folder.
struct Tokens(BTreeMap<String, String>);

impl Tokens {
    const FILE: &str = "demo-tokens.json";

    fn load(data_dir: &Path) -> anyhow::Result<Self> {
        match fs::read(data_dir.join(Self::FILE)) {
            Ok(bytes) => Ok(Self(serde_json::from_slice(&bytes).context("reading the demo's tokens")?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self(BTreeMap::new())),
            Err(error) => Err(error).context("reading the demo's tokens"),
        }
    }

    fn of(&mut self, part: &str) -> String {
        let token = || format!("demo-{part}-{}", Alphanumeric.sample_string(&mut rand::rng(), 24));
        self.0.entry(part.to_owned()).or_insert_with(token).clone()
    }

    fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(data_dir)?;
        write_private(&data_dir.join(Self::FILE), &serde_json::to_vec_pretty(&self.0)?)
            .context("keeping the demo's tokens")
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    io::Write::write_all(&mut file, bytes)?;
    Ok(fs::rename(&draft, path)?)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
