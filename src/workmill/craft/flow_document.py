"""Flows and messages as the JSON documents that every door shows."""

from collections.abc import Sequence

from workmill.craft.channels import Message
from workmill.craft.document import moment_text
from workmill.craft.flow_handle import FlowStatus, Node
from workmill.words.codec import Json
from workmill.words.ties import Needs


def flow_document(status: FlowStatus) -> dict[str, Json]:
    """Return how a flow stands as JSON values."""
    return {
        "id": status.id,
        "created_at": moment_text(status.created_at),
        "counts": {str(state): jobs for state, jobs in status.counts.items()},
        "jobs": status.jobs,
        "ended": status.ended,
        "progress": status.progress,
        "done": status.done,
    }


def graph_document(nodes: Sequence[Node], most: int) -> dict[str, Json]:
    """Return the first `most` jobs of a flow, and who follows whom among them, as JSON values."""
    shown = nodes[:most]
    known = {node.job.id for node in shown}
    return {
        "nodes": [_node(node) for node in shown],
        "edges": [_edge(parent, node) for node in shown for parent in node.parents if parent in known],
        "complete": len(shown) == len(nodes),
    }


def message_document(message: Message) -> dict[str, Json]:
    """Return a message as JSON values."""
    return {
        "id": message.id,
        "channel": message.channel,
        "data": message.data,
        "published_at": moment_text(message.published_at),
        "cursor": message.cursor,
    }


def _node(node: Node) -> dict[str, Json]:
    job = node.job
    return {
        "id": job.id,
        "task": job.task,
        "queue": job.queue,
        "state": str(job.state),
        "created_at": moment_text(job.created_at),
        "started_at": moment_text(job.started_at),
        "finished_at": moment_text(job.finished_at),
        "retry_of": job.retry_of,
    }


def _edge(parent: str, node: Node) -> dict[str, Json]:
    needs = Needs.SUCCESS if node.job.ties is None else node.job.ties.needs
    return {"from": parent, "to": node.job.id, "needs": str(needs)}
