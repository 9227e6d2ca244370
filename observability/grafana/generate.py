#!/usr/bin/env python3
"""Writes the dashboards beside it: `generate.py`, or `generate.py --check` to compare only.

A dashboard is a list of rows, a row a list of panels, a panel a title, a meaning, queries, a unit and the section of
a runbook that says what to do. Nothing else is needed to add one. The same input gives the same bytes.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
WINDOW = "[$__rate_interval]"
# Whose buckets lead to a trace of a request that fell into them.
EXEMPLARS = ("taskgate_http_request_duration_seconds_bucket", "taskgate_graphql_operation_duration_seconds_bucket",
             "taskgate_engine_call_duration_seconds_bucket")


def rate(name, by, where=""):
    """The rate of a counter, summed over gateways."""
    return f"sum by ({by}) (rate({name}{where}{WINDOW}))" if by else f"sum(rate({name}{where}{WINDOW}))"


def quantile(q, name, by=""):
    """A quantile of a histogram over all gateways."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({name}_bucket{WINDOW})))"


def share(part, whole):
    """A part of a whole, 0 where there is nothing."""
    return f"({part}) / ({whole})"


def panel(title, meaning, runbook, unit, *queries):
    return {"title": title, "meaning": meaning, "runbook": runbook, "unit": unit, "queries": queries}


DW = "task_fgac_dual_write"
OPS = "op"

DASHBOARDS = {
    "dual-write": ("Taskgate: the dual write", [
        ("Writes to the authorization engine", [
            panel("Attempts and successes", "Writes that began, retries included, and writes that applied. They part where writes fail.",
                  "dual-write.md#failures-are-rising", "ops",
                  (rate(f"{DW}_attempts_total", OPS), "attempts, {{op}}"),
                  (rate(f"{DW}_successes_total", OPS), "successes, {{op}}")),
            panel("Retries", "Attempts that failed and were followed by another, by what went wrong.",
                  "dual-write.md#retries-are-rising", "ops",
                  (rate(f"{DW}_retries_total", "op, exception_class"), "{{op}}, {{exception_class}}")),
            panel("Failures", "Writes that failed for good, after their retries. `register`: somebody was answered 503. `deregister`: relationships go late.",
                  "dual-write.md#failures-are-rising", "ops",
                  (rate(f"{DW}_failures_total", "op, exception_class"), "{{op}}, {{exception_class}}")),
            panel("Refusals", "Creates that were refused at once, because the circuit is open.",
                  "dual-write.md#the-circuit-is-open", "ops",
                  (rate(f"{DW}_refusals_total", "op, resource"), "{{op}} {{resource}}")),
            panel("Duration", "How long making or ending a thing took on both sides, retries included.",
                  "dual-write.md#retries-are-rising", "s",
                  (quantile(0.5, f"{DW}_duration_seconds", OPS), "p50 {{op}}"),
                  (quantile(0.99, f"{DW}_duration_seconds", OPS), "p99 {{op}}")),
            panel("Mismatches", "Shadowed writes after which the engine knew something else than it was told.",
                  "dual-write.md#mismatches-are-rising", "ops",
                  (rate(f"{DW}_mismatches_total", "op, resource"), "{{op}} {{resource}}")),
        ]),
        ("What is not settled", [
            panel("Backlog", "Dual writes that have begun and are not settled. Every gateway says the same.",
                  "dual-write.md#intents-are-old", "short", (f"max({DW}_intents_pending)", "pending")),
            panel("Age of the oldest", "A minute or two is normal after a crash; five are not.",
                  "dual-write.md#intents-are-old", "s", (f"max({DW}_oldest_intent_age_seconds)", "oldest")),
            panel("Sweeps", "Each gateway looks every few seconds. `failed` alone: the ledger cannot be read.",
                  "dual-write.md#intents-are-old", "ops", (rate(f"{DW}_sweeps_total", "outcome"), "{{outcome}}")),
            panel("Swept intents", "What became of overdue intents. `left` were tried and failed again.",
                  "dual-write.md#intents-are-old", "ops", (rate(f"{DW}_swept_intents_total", "outcome"), "{{outcome}}")),
            panel("Orphans", "Found and repaired by comparisons since the deployment was made.",
                  "dual-write.md#orphans-were-found", "short",
                  (f"sum by (direction, resource) (max by (direction, resource) ({DW}_orphans_found_total))", "found: {{direction}} {{resource}}"),
                  (f"sum by (direction, resource) (max by (direction, resource) ({DW}_orphans_repaired_total))", "repaired: {{direction}} {{resource}}")),
        ]),
    ]),
    "authorization": ("Taskgate: authorization", [
        ("The engine", [
            panel("Calls", "What the engine is asked. `check` is once for each request and list level.",
                  "authorization.md#the-engine-fails", "ops", (rate("taskgate_engine_calls_total", "call"), "{{call}}")),
            panel("Errors", "Calls that were not answered, by what went wrong. Callers are answered 503: it fails closed.",
                  "authorization.md#the-engine-fails", "ops",
                  (rate("taskgate_engine_calls_total", "call, outcome", '{outcome!="ok"}'), "{{call}}, {{outcome}}")),
            panel("Latency", "How long calls take.", "authorization.md#the-engine-is-slow", "s",
                  (quantile(0.5, "taskgate_engine_call_duration_seconds", "call"), "p50 {{call}}"),
                  (quantile(0.99, "taskgate_engine_call_duration_seconds", "call"), "p99 {{call}}")),
            panel("Batch size", "Resources in one question: 1 for a task, a page's length for a list.",
                  "authorization.md#the-engine-is-slow", "short",
                  (quantile(0.5, "taskgate_engine_batch_size", "call"), "p50 {{call}}"),
                  (quantile(0.99, "taskgate_engine_batch_size", "call"), "p99 {{call}}")),
        ]),
        ("Decisions", [
            panel("Decisions", "Resources of which all, some or none of the asked actions are allowed.",
                  "authorization.md#denials-are-unusual", "ops", (rate("taskgate_engine_decisions_total", "decision"), "{{decision}}")),
            panel("Share that is denied", "Decisions that allow nothing, of all. What is usual differs between deployments; a jump is somebody probing, or a lost grant.",
                  "authorization.md#denials-are-unusual", "percentunit", ("taskgate:denials:ratio_rate15m", "denied")),
            panel("Denials that callers heard", "By code and edge. In GraphQL each denied field is one.",
                  "authorization.md#denials-are-unusual", "ops",
                  (rate("taskgate_failures_total", "edge, code", '{code=~"NOT_FOUND|FORBIDDEN|UNAUTHENTICATED"}'), "{{edge}}, {{code}}")),
            panel("Calls by action", "What is asked about. `several` is GraphQL, which asks for all that a selection needs at once.",
                  "authorization.md#denials-are-unusual", "ops", (rate("taskgate_engine_calls_total", "action"), "{{action}}")),
        ]),
    ]),
    "engines": ("Taskgate: routes between engines, and kept decisions", [
        ("Kept decisions", [
            panel("Share that was kept", "Decisions that no engine had to be asked for. Empty where there is no cache.",
                  "cache.md#the-cache-collapses", "percentunit", ("taskgate:cache_hits:ratio_rate15m", "kept")),
            panel("Kept and asked for", "Answers that were kept, by where, and those that an engine was asked for.",
                  "cache.md#the-cache-collapses", "ops",
                  (rate("taskgate_cache_hits_total", "layer"), "kept in {{layer}}"), (rate("taskgate_cache_misses_total", ""), "asked for")),
            panel("Changes", "Changes after which kept answers were let go of.",
                  "cache.md#the-cache-collapses", "ops", (rate("taskgate_cache_evictions_total", ""), "changes")),
            panel("Waiting for the others", "How long a change waited until every gateway had let go. `waited_out`: one did not say so.",
                  "cache.md#the-cache-collapses", "s",
                  (quantile(0.99, "taskgate_cache_eviction_duration_seconds", "outcome"), "p99 {{outcome}}")),
            panel("Trouble with Redis", "Questions that it did not answer in time, and leases that began again.",
                  "cache.md#the-cache-collapses", "ops",
                  (rate("taskgate_cache_unanswered_total", ""), "unanswered"), (rate("taskgate_cache_leases_total", ""), "leases")),
        ]),
        ("Routes and shadows", [
            panel("Comparisons", "What came of asking a second engine the same. `second_allows`: people would get what they have not.",
                  "authorization.md#routes-lead-nowhere", "ops", (rate("taskgate_engine_shadow_comparisons_total", "outcome"), "{{outcome}}")),
            panel("Not compared", "Comparisons that were not made or came to nothing.",
                  "authorization.md#routes-lead-nowhere", "ops", (rate("taskgate_engine_shadow_skipped_total", "reason"), "{{reason}}")),
            panel("Told in passing", "Writes that shadows, and engines of other accounts, were told of. `missed`: copy again.",
                  "authorization.md#routes-lead-nowhere", "ops", (rate("taskgate_engine_told_total", "op, outcome"), "{{op}}, {{outcome}}")),
            panel("To an engine that is not there", "Questions and writes that failed, because a route leads to an engine that a gateway does not have.",
                  "authorization.md#routes-lead-nowhere", "ops", (rate("taskgate_engine_unroutable_total", "instance"), "{{instance}}")),
            panel("Lists of SpiceDB in an index", "1 where its lists are found beside the rows. 0: it finds them itself, or there is no SpiceDB.",
                  "authorization.md#the-engine-is-slow", "short", ("max by (instance) (taskgate_engine_lists_indexed)", "{{instance}}")),
        ]),
    ]),
    "gateway": ("Taskgate: the gateway", [
        ("Requests", [
            panel("Requests", "By the class of the answer. `gone` hung up before there was one.",
                  "gateway.md#availability-burns", "reqps", (rate("taskgate_http_requests_total", "status"), "{{status}}")),
            panel("Share that failed", "Requests answered 5xx, of all that were answered.",
                  "gateway.md#availability-burns", "percentunit",
                  ("taskgate:http_errors:ratio_rate5m", "5 min"), ("taskgate:http_errors:ratio_rate1h", "1 h")),
            panel("Share that was slow", "Requests that took longer than 250 ms.",
                  "gateway.md#latency-burns", "percentunit",
                  ("taskgate:http_slow:ratio_rate5m", "5 min"), ("taskgate:http_slow:ratio_rate1h", "1 h")),
            panel("Latency", "Over all routes.", "gateway.md#latency-burns", "s",
                  (quantile(0.5, "taskgate_http_request_duration_seconds"), "p50"),
                  (quantile(0.95, "taskgate_http_request_duration_seconds"), "p95"),
                  (quantile(0.99, "taskgate_http_request_duration_seconds"), "p99")),
            panel("The slowest routes", "The 99th percentile of the ten slowest.", "gateway.md#latency-burns", "s",
                  (f'topk(10, {quantile(0.99, "taskgate_http_request_duration_seconds", "method, route")})', "{{method}} {{route}}")),
            panel("Under way", "Requests that are being answered. It climbs when something behind the gateway hangs.",
                  "gateway.md#latency-burns", "short", ("sum by (instance) (taskgate_http_requests_under_way)", "{{instance}}")),
            panel("Failures by code", "What callers were told.", "gateway.md#availability-burns", "ops",
                  (rate("taskgate_failures_total", "code"), "{{code}}")),
        ]),
        ("The process", [
            panel("Processor", "Cores in use.", "gateway.md#latency-burns", "short",
                  ("sum by (instance) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{instance}}")),
            panel("Memory", "Resident.", "gateway.md#a-gateway-is-down", "bytes",
                  ("sum by (instance) (process_resident_memory_bytes)", "{{instance}}")),
            panel("File descriptors", "Open ones; connections are most of them.", "gateway.md#a-gateway-is-down", "short",
                  ("sum by (instance) (process_open_fds)", "{{instance}}")),
            panel("Threads", "Of the process.", "gateway.md#a-gateway-is-down", "short",
                  ("sum by (instance) (process_threads)", "{{instance}}")),
            panel("Age", "Time since the start. A saw is a gateway that crashes.", "gateway.md#a-gateway-is-down", "s",
                  ("time() - max by (instance) (process_start_time_seconds)", "{{instance}}")),
            panel("Builds", "Gateways by version.", "gateway.md#a-gateway-is-down", "short",
                  ("sum by (version) (taskgate_build_info)", "{{version}}")),
        ]),
    ]),
    "graphql": ("Taskgate: GraphQL operations", [
        ("Operations", [
            panel("Operations", "By name, where the deployment trusts the document; else `other`.",
                  "gateway.md#availability-burns", "ops", (rate("taskgate_graphql_operations_total", "operation"), "{{operation}}")),
            panel("Outcomes", "`partial` has errors in some fields, denied ones for instance; `refused` resolved none.",
                  "gateway.md#availability-burns", "ops", (rate("taskgate_graphql_operations_total", "outcome"), "{{outcome}}")),
            panel("Latency", "From the document to the data.", "gateway.md#latency-burns", "s",
                  (quantile(0.5, "taskgate_graphql_operation_duration_seconds", "operation"), "p50 {{operation}}"),
                  (quantile(0.99, "taskgate_graphql_operation_duration_seconds", "operation"), "p99 {{operation}}")),
            panel("Errors by code", "Every failed field is one.", "gateway.md#availability-burns", "ops",
                  (rate("taskgate_failures_total", "code", '{edge="graphql"}'), "{{code}}")),
        ]),
    ]),
    "database": ("Taskgate: the database", [
        ("Statements", [
            panel("Statements", "By the word they begin with.", "database.md#statements-are-slow", "ops",
                  (rate("taskgate_sql_statement_duration_seconds_count", "statement"), "{{statement}}")),
            panel("Latency", "In the database and on the way.", "database.md#statements-are-slow", "s",
                  (quantile(0.5, "taskgate_sql_statement_duration_seconds", "statement"), "p50 {{statement}}"),
                  (quantile(0.99, "taskgate_sql_statement_duration_seconds", "statement"), "p99 {{statement}}")),
            panel("Statements for each request", "Two or three. More is a new kind of request, or a fault of ours.",
                  "database.md#statements-are-slow", "short",
                  (share(rate("taskgate_sql_statement_duration_seconds_count", ""), rate("taskgate_http_requests_total", "")), "statements")),
        ]),
        ("Connections", [
            panel("Connections", "Of each gateway's pool. All used: requests wait, and are answered 503 after `database.acquire_timeout_ms`.",
                  "database.md#connections-run-out", "short",
                  ("sum by (instance, state) (taskgate_sql_connections)", "{{instance}} {{state}}")),
            panel("Share in use", "Of the most there may be.", "database.md#connections-run-out", "percentunit",
                  ('sum by (instance) (taskgate_sql_connections{state="used"}) / sum by (instance) (taskgate_sql_connections_limit)', "{{instance}}")),
        ]),
    ]),
}


def rendered(uid, title, rows):
    panels, y, number = [], 0, 0
    for row, members in rows:
        number += 1
        panels.append({"id": number, "type": "row", "title": row, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        y += 1
        for place, member in enumerate(members):
            number += 1
            link = {"title": "Runbook", "url": "${runbooks}/" + member["runbook"], "targetBlank": True}
            panels.append({
                "id": number, "type": "timeseries", "title": member["title"], "description": member["meaning"],
                "links": [link], "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "gridPos": {"h": 8, "w": 8, "x": place % 3 * 8, "y": y + place // 3 * 8},
                "fieldConfig": {"defaults": {"unit": member["unit"], "min": 0, "custom": {"fillOpacity": 8}}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
                "targets": [{"refId": chr(ord("A") + index), "expr": expr, "legendFormat": legend}
                            | ({"exemplar": True} if any(name in expr for name in EXEMPLARS) else {})
                            for index, (expr, legend) in enumerate(member["queries"])],
            })
        y += (len(members) + 2) // 3 * 8
    variables = [
        {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
        {"name": "runbooks", "type": "textbox", "label": "Runbooks at", "query": "http://localhost:8000/runbooks",
         "current": {"text": "http://localhost:8000/runbooks", "value": "http://localhost:8000/runbooks"}},
    ]
    board = {"uid": f"taskgate-{uid}", "title": title, "tags": ["taskgate"], "timezone": "browser", "editable": False,
             "schemaVersion": 39, "refresh": "10s", "time": {"from": "now-1h", "to": "now"},
             "templating": {"list": variables}, "panels": panels}
    return json.dumps(board, indent=1, ensure_ascii=False) + "\n"


def main():
    different = []
    for uid, (title, rows) in DASHBOARDS.items():
        path, text = HERE / f"{uid}.json", rendered(uid, title, rows)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            different.append(path.name)
    stray = {path.name for path in HERE.glob("*.json")} - {f"{uid}.json" for uid in DASHBOARDS}
    if different or stray:
        sys.exit(f"not what generate.py writes: {sorted(set(different) | stray)}")


if __name__ == "__main__":
    main()
