//! What webhooks take.

use serde_json::{Value, json};

/// What a webhook takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// `{"text": …}`: Slack's incoming webhooks, and Mattermost's, Rocket.Chat's and Discord's `/slack`.
    #[default]
    Slack,
    /// An adaptive card, as Teams' workflows take it.
    Teams,
    /// Every fact under its name, and the sentence as `text`: for programs.
    Json,
}

impl Shape {
    /// The body that tells this sentence; `facts` is an object.
    pub(super) fn body(self, text: &str, facts: &Value) -> Value {
        match self {
            Self::Slack => json!({ "text": slack(text) }),
            Self::Teams => teams(text),
            Self::Json => {
                let mut body = facts.clone();
                if let Value::Object(body) = &mut body {
                    body.insert("text".to_owned(), json!(text));
                }
                body
            }
        }
    }
}

/// Slack reads `<!channel>` and `<http://…|text>` as commands: what a policy or a backend said must not ring anybody.
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Runs of a rich text are no markdown: what a policy or a backend said makes no links.
fn teams(text: &str) -> Value {
    let lines =
        text.lines().map(|line| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": line }] }));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "body": lines.collect::<Vec<_>>(),
            },
        }],
    })
}
