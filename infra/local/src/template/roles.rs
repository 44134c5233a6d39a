//! The roles of template.yaml as data: which function may do what, on which resource.
//!
//! The one rule: only what can be read here is granted. A wildcard, a condition or a `Deny` in a function's role
//! is a [`TemplateError`].

use std::collections::BTreeSet;

use fakes::{ACCOUNT, Grant, REGION};
use serde::Deserialize;
use serde_json::Value;

use super::{Document, Function, TemplateError, attribute, wrong};

/// A grant as the template writes it: the resource is a logical id with its attribute and what stands behind it,
/// e.g. `Table.Arn/index/due`.
pub(crate) type Written = Grant;

/// What the resources of the template are called once they exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The table's name.
    pub(crate) table: &'a str,
    /// The bus's name.
    pub(crate) bus: &'a str,
    /// The key's ARN.
    pub(crate) key: &'a str,
}

impl Names<'_> {
    /// The same grant on the resource's ARN.
    pub(crate) fn resolve(&self, written: &Written) -> Grant {
        let (id, rest) = written.resource.split_once('.').unwrap_or((&written.resource, ""));
        let rest = rest.trim_start_matches("Arn");
        let resource = match id {
            "Table" => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{}{rest}", self.table),
            "Bus" => format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{}{rest}", self.bus),
            "Key" => format!("{}{rest}", self.key),
            _ => written.resource.clone(),
        };
        Grant { resource, ..written.clone() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Role {
    assume_role_policy_document: Policy,
    #[serde(default)]
    managed_policy_arns: Vec<Value>,
    #[serde(default)]
    policies: Vec<Inline>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Inline {
    #[serde(rename = "PolicyName")]
    _name: String,
    policy_document: Policy,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Managed {
    policy_document: Policy,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    #[serde(rename = "Version")]
    _version: String,
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    effect: String,
    action: OneOrMore,
    #[serde(default)]
    resource: Value,
    #[serde(default)]
    principal: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// What the role of a function grants it.
pub(super) fn grants(
    document: &Document,
    id: &str,
    function: &Function,
    role: &Value,
) -> Result<BTreeSet<Written>, TemplateError> {
    let role_id =
        attribute(role, "Arn").ok_or_else(|| wrong(id, "has no role of its own in the template"))?;
    let role: Role = document.get("AWS::IAM::Role", role_id)?;
    let may_assume = role.assume_role_policy_document.statement.iter();
    if may_assume.clone().any(|one| one.principal != serde_json::json!({ "Service": "lambda.amazonaws.com" }))
    {
        return Err(wrong(role_id, "somebody else than Lambda may assume it"));
    }
    let mut statements: Vec<Statement> =
        role.policies.into_iter().flat_map(|inline| inline.policy_document.statement).collect();
    for managed in &role.managed_policy_arns {
        let managed = managed.get("!Ref").and_then(Value::as_str);
        let managed = managed.ok_or_else(|| wrong(role_id, "a managed policy outside the template"))?;
        let policy: Managed = document.get("AWS::IAM::ManagedPolicy", managed)?;
        statements.extend(policy.policy_document.statement);
    }
    let mut grants = BTreeSet::new();
    for statement in statements {
        if statement.effect != "Allow" {
            return Err(wrong(role_id, "only Allow is understood here"));
        }
        let one = std::slice::from_ref(&statement.resource);
        let resources = statement.resource.as_array().map_or(one, Vec::as_slice);
        for resource in resources {
            let resource =
                written(resource).ok_or_else(|| wrong(role_id, "a resource outside the template"))?;
            for action in statement.action.all() {
                if action.contains('*') {
                    return Err(wrong(role_id, &format!("{action} grants more than it names")));
                }
                let grant = Written {
                    principal: function.name.to_owned(),
                    action: action.clone(),
                    resource: resource.clone(),
                };
                if !grants.insert(grant) {
                    return Err(wrong(role_id, &format!("grants {action} twice")));
                }
            }
        }
    }
    Ok(grants)
}

/// `!GetAtt Table.Arn` as `Table.Arn`; `!Sub ${Table.Arn}/index/due` as `Table.Arn/index/due`.
fn written(resource: &Value) -> Option<String> {
    if let Some(attribute) = resource.get("!GetAtt") {
        return attribute.as_str().map(str::to_owned);
    }
    let (id, rest) = resource.get("!Sub")?.as_str()?.strip_prefix("${")?.split_once('}')?;
    (!rest.contains("${")).then(|| format!("{id}{rest}"))
}

/// What a queue's mapping takes of its function's role.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
pub(super) fn queue_needs(queue: &str) -> Vec<(&'static str, String)> {
    let actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
    actions.map(|action| (action, format!("{queue}.Arn"))).to_vec()
}

/// What a stream's mapping takes of its function's role, and the queue for what it gives up.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
pub(super) fn stream_needs(table: &str, dead_letters: &str) -> Vec<(&'static str, String)> {
    let actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
    let mut needs = actions.map(|action| (action, format!("{table}.StreamArn"))).to_vec();
    needs.push(("dynamodb:ListStreams", format!("{table}.Arn/stream/*")));
    needs.push(("sqs:SendMessage", format!("{dead_letters}.Arn")));
    needs
}

/// What every function takes of its role to log.
pub(super) fn log_needs(group: &str) -> Vec<(&'static str, String)> {
    ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| (action, format!("{group}.Arn"))).to_vec()
}
