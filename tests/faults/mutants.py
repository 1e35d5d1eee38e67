"""Breaks the router on purpose and checks that the tests of a row see it.

``.venv/bin/python tests/faults/mutants.py [ROW …]`` copies the repository, applies each mutant to the
copy, and runs its tests there: each must fail. Exits with 1 if a mutant survives or no longer
applies.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
_LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".*_cache", "node_modules"
)


class Mutant(msgspec.Struct, frozen=True):
    """One change that a test must see: ``old`` in ``file`` becomes ``new``, once."""

    row: int
    """The number in README.md; 0 for a mutant of a source of events that has no row there."""
    name: str
    file: str
    old: str
    new: str
    tests: str
    """Arguments of pytest."""


_BEGIN = "router/journal/scripts/begin_set.lua"
_DELETES_WHAT_IT_READS = (
    "return redis.call('HGETALL', set)",
    "local all = redis.call('HGETALL', set)\nredis.call('DEL', set)\nreturn all",
)
_ACCEPTS_ANYWAY = (
    "router/ingress/commit.py",
    "        await self._batches.accept(group, max_weight=self._batch_weight())\n",
    (
        "        try:\n            await self._batches.accept(group, max_weight=100)\n"
        "        except Exception:\n            return\n"
    ),
)
_NO_DUPLICATES = (
    "router/journal/scripts/begin_batch.lua",
    "mine[at] = is_mine and '1' or '0'",
    "mine[at] = '1'",
)
_STATUS = "router/destinations/transport/http_status.py"
_OUTCOMES = "tests/destinations/test_contract_outcomes.py tests/destinations/test_http.py"
_EGRESS = "tests/destinations/transport/test_egress.py tests/destinations/transport/test_egress_canaries.py"

MUTANTS: Final = (
    Mutant(1, "a set is deleted when it is read", _BEGIN, *_DELETES_WHAT_IT_READS,
           "tests/faults/test_process_faults.py -m slow -k row_1_another"),
    Mutant(2, "a set is deleted when it is read", _BEGIN, *_DELETES_WHAT_IT_READS,
           "tests/faults/test_process_faults.py -k row_2"),
    Mutant(3, "no event is a duplicate", *_NO_DUPLICATES,
           "tests/faults/test_process_faults.py -k row_3"),
    Mutant(5, "a worker is not rebuilt", "router/worker/queue/supervisor.py",
           "            except _REDIS_FAILED as error:\n                # One",
           "            except ZeroDivisionError as error:\n                # One",
           "tests/faults/test_process_faults.py -k row_5"),
    Mutant(5, "a slot is leaked when a settlement fails", "router/worker/delivery/delivery_job.py",
           "lambda _: self._slots.release()",
           "lambda ended: None if ended.cancelled() or ended.exception() else self._slots.release()",
           "tests/worker/delivery/test_delivery_job.py"),
    Mutant(6, "the disk is not synced before the answer", "tests/faults/test_power_loss.py",
           '["always"], indirect', '["everysec"], indirect',
           "tests/faults/test_power_loss.py -k always"),
    Mutant(7, "ingress accepts what it could not commit", *_ACCEPTS_ANYWAY,
           "tests/ingress/test_endpoints.py -k without_redis"),
    Mutant(8, "a command has no deadline", "router/journal/connection.py",
           "with self._deadlines.begin():", "if reply is not None:",
           "tests/faults/test_process_faults.py -k row_8"),
    Mutant(9, "ingress accepts what it could not commit", *_ACCEPTS_ANYWAY,
           "tests/faults/test_redis_network.py -k row_9"),
    Mutant(9, "a settlement is not retried", "router/worker/delivery/settlement.py",
           "if clock.monotonic() > until:", "if until:",
           "tests/faults/test_redis_network.py -k row_9"),
    Mutant(10, "a worker is not rebuilt", "router/worker/queue/supervisor.py",
           "            except _REDIS_FAILED as error:\n                # One",
           "            except ZeroDivisionError as error:\n                # One",
           "tests/faults/test_redis_network.py -k row_10"),
    Mutant(11, "ingress accepts what it could not commit", *_ACCEPTS_ANYWAY,
           "tests/faults/test_store_outages.py -k loads_its_data"),
    Mutant(13, "an eviction policy is no problem", "router/journal/redis_health.py",
           'if policy != "noeviction":', "if False:",
           "tests/ingress/test_endpoints.py -k may_lose_events"),
    Mutant(13, "a state that an operator must end does not stop the start",
           "router/ingress/admission.py",
           "if self._strict and self._last.is_setup:", "if False:",
           "tests/faults/test_readiness.py -k strict"),
    Mutant(14, "ingress accepts what it could not commit", *_ACCEPTS_ANYWAY,
           "tests/faults/test_store_outages.py -k everysec"),
    Mutant(17, "connections are closed at SIGTERM", "router/http/server.py",
           "        self._site.stop()\n        loop = asyncio.get_running_loop()\n",
           "        self._site.stop()\n        loop = asyncio.get_running_loop()\n"
           "        for each in list(self._runner.server.connections):\n"
           "            each.transport.abort()\n",
           "tests/faults/test_process_faults.py -k row_17"),
    Mutant(18, "a drain cancels running jobs at once", "router/worker/queue/queue_worker.py",
           "asyncio.wait(self._tasks.values(), timeout=seconds)",
           "asyncio.wait(self._tasks.values(), timeout=0)",
           "tests/faults/test_process_faults.py -m slow -k row_18"),
    Mutant(18, "a draining run begins further attempts", "router/worker/delivery/delivery_job.py",
           "return self.draining or is_late", "return is_late",
           "tests/worker/delivery/test_delivery_job.py"),
    Mutant(19, "a set is deleted when it is read", _BEGIN, *_DELETES_WHAT_IT_READS,
           "tests/faults/test_process_faults.py -k row_19"),
    Mutant(20, "a newer version is read as a known one", "router/journal/records.py",
           "is_newer = version >= self._limit", "is_newer = version < 0", "tests/journal/test_records.py"),
    Mutant(21, "a drain cancels running jobs at once", "router/worker/queue/queue_worker.py",
           "asyncio.wait(self._tasks.values(), timeout=seconds)",
           "asyncio.wait(self._tasks.values(), timeout=0)",
           "tests/faults/test_process_faults.py -m slow -k row_21 -k 3"),
    Mutant(26, "a batch expires", "router/journal/scripts/accept.lua",
           "    redis.call('RPUSH', batch, payload)\n",
           "    redis.call('RPUSH', batch, payload)\n    redis.call('EXPIRE', batch, 86400)\n",
           "tests/faults/test_process_faults.py -k row_26"),
    Mutant(27, "the last wait of a schedule is left out", "router/destinations/contract.py",
           "return len(self.schedule) + 1 if", "return len(self.schedule) if",
           "tests/worker/delivery/test_delivery_job.py tests/worker/delivery/test_retry.py"),
    Mutant(29, "an event happens in the future", "router/worker/evaluation/plan.py",
           "return int(min(at, now) * 1000)", "return int(at * 1000)",
           "tests/worker/evaluation/test_plan.py -k never_in_the_future"),
    Mutant(29, "a link is valid at the second of its end, too", "router/api/signed_links.py",
           "if now < token.expires_at", "if now <= token.expires_at",
           "tests/api/test_signed_links.py -k expires"),
    Mutant(30, "no event is a duplicate", *_NO_DUPLICATES,
           "tests/end_to_end/test_main_job.py -k a_hundred_copies"),
    Mutant(31, "no event is a duplicate", *_NO_DUPLICATES,
           "tests/faults/test_hostile_events.py -k row_31"),
    Mutant(32, "no event is a duplicate", *_NO_DUPLICATES,
           "tests/end_to_end/test_main_job.py -k a_repeat"),
    Mutant(33, "any signature is right", "router/sources/twilio_signature.py",
           "if hmac.compare_digest(given, _signature(text, token, digest)):", "if given:",
           "tests/sources/test_twilio_signature.py tests/ingress/test_endpoints.py"),
    Mutant(34, "each piece of a head begins its time again", "router/http/connection.py",
           "        elif self._deadline is None:\n            self._start_deadline()\n",
           "        else:\n            if self._deadline is not None:\n"
           "                self._deadline.cancel()\n            self._start_deadline()\n",
           "tests/faults/test_slow_clients.py -k closed_at_the_deadline"),
    Mutant(34, "one address may take all connections", "router/http/connection.py",
           "if count >= self.limits.max_per_address:", "if False:",
           "tests/faults/test_hostile_clients.py -k one_address"),
    Mutant(35, "a body has a hundred times its time", "router/ingress/body.py",
           "asyncio.timeout(self._timeout)", "asyncio.timeout(100 * self._timeout)",
           "tests/ingress/test_body.py -k dripping"),
    Mutant(36, "a stated length is not compared", "router/ingress/body.py",
           "if length is not None and length > self._max_size:", "if False:",
           "tests/ingress/test_body.py -k gigabyte"),
    Mutant(36, "a body without a length has no limit", "router/ingress/body.py",
           "if max(arrived, len(body) + len(piece)) > self._max_size:", "if False:",
           "tests/ingress/test_body.py -k endless"),
    Mutant(37, "a bomb is unpacked before its size is compared", "router/ingress/body.py",
           "gzip.decompress(chunk, most)", "gzip.decompress(chunk, 1 << 40)",
           "tests/ingress/test_body.py -k bomb"),
    Mutant(37, "any encoding is taken for none", "router/ingress/body.py",
           "if encodings and not (take_gzip and is_gzip):", "if False:",
           "tests/ingress/test_body.py -k other_encodings"),
    Mutant(38, "events have no limits of depth and members", "router/events/decode.py",
           "exceeded = limits.exceeded_limit(text, max_depth=bounds.max_depth)", 'exceeded = ""',
           "tests/events/test_model.py -k invalid_input"),
    Mutant(38, "a request has no limit of values", "router/events/decode.py",
           "if bounds.max_values is not None and limits.exceeds_values(body, bounds.max_values):",
           "if False:",
           "tests/faults/test_hostile_clients.py -k event_loop"),
    Mutant(39, "UTF-8 is checked in known fields only", "router/events/decode.py",
           "    _reject_invalid_utf8(body)\n    if bounds", "    if bounds",
           "tests/events/test_model.py -k invalid_input"),
    Mutant(40, "the first of two equal members counts", "router/events/model.py",
           "decoded: dict[str, Any] = decode_json(event.body)",
           "import json; decoded = json.loads(\n"
           "        event.body, object_pairs_hook=lambda pairs: dict(reversed(pairs)))",
           "tests/faults/test_hostile_events.py -k row_40"),
    Mutant(41, "a connection goes on after a target that cannot be parsed",
           "router/http/error_responses.py", "                response.force_close()\n", "",
           "tests/http/test_connection.py -k cannot_be_parsed"),
    Mutant(41, "malformed HTTP is answered by aiohttp", "router/http/connection.py",
           "if status >= HTTPStatus.INTERNAL_SERVER_ERROR or aiohttp_adapter", "if status or aiohttp_adapter",
           "tests/http/test_connection.py -k smuggles"),
    Mutant(41, "a client may read nothing for ever", "router/http/connection.py",
           "            connection.check_progress(now)\n", "            pass\n",
           "tests/faults/test_hostile_clients.py -k reads_no_response"),
    Mutant(42, "any content type is JSON", "router/ingress/http_binding.py",
           "        if content_type == JSON:\n", "        if True:\n",
           "tests/ingress/test_endpoints.py -k bad_input"),
    Mutant(42, "a counter has the content type as its label", "router/ingress/reception.py",
           "labels(source, str(rejection.status.value))", "labels(source, media_type(request))",
           "tests/faults/test_hostile_events.py -k row_42"),
    Mutant(43, "a counter has the type of the event as its label",
           "router/worker/evaluation/batch_job.py",
           "        judgement = rules.judge(event.type, content)\n",
           "        judgement = rules.judge(event.type, content)\n"
           "        self._metrics.rule_matches.labels(event.type).inc()\n",
           "tests/faults/test_hostile_events.py -k row_43"),
    Mutant(44, "an attempt has no deadline", "router/destinations/transport/http_client.py",
           "with self._deadlines.begin():", "if True:", "tests/destinations/test_http.py"),
    Mutant(45, "Retry-After is ignored", "router/worker/delivery/retry.py",
           "if wish is not None and wish > 0:", "if False:",
           "tests/worker/delivery/test_retry.py"),
    Mutant(46, "a Retry-After has no cap", "router/worker/delivery/retry.py",
           "min(wish, policy.longest) + jitter", "wish + jitter",
           "tests/worker/delivery/test_retry.py tests/destinations/test_contract_outcomes.py"),
    Mutant(46, "a date in the past is a negative wait", _STATUS,
           "return seconds if seconds > 0 else None", "return seconds",
           "tests/destinations/transport/test_http_status.py"),
    Mutant(47, "503 is final", _STATUS, "if 400 <= status < 500 and", "if 400 <= status < 504 and",
           _OUTCOMES),
    Mutant(47, "a failure is given up at once", "router/worker/delivery/retry.py",
           "if attempt >= policy.all_attempts:", "if attempt >= 1:",
           "tests/worker/delivery/test_retry.py"),
    Mutant(48, "404 is retried", _STATUS, "frozenset({408, 421, 423, 425, 429, 499})",
           "frozenset({404, 408, 421, 423, 425, 429, 499})", _OUTCOMES),
    Mutant(49, "410 disables nothing", _STATUS, "disables=True", "disables=False", _OUTCOMES),
    Mutant(50, "an expired certificate has no word of its own",
           "router/destinations/transport/network_errors.py",
           '    10: "TLS certificate expired",\n', "",
           "tests/destinations/transport/test_network_errors.py"),
    Mutant(51, "redirects are followed", "router/destinations/transport/http_client.py",
           "allow_redirects=False", "allow_redirects=True", f"{_OUTCOMES} {_EGRESS}"),
    Mutant(52, "an embedded IPv4 address is not seen", "router/destinations/transport/egress.py",
           "parsed = _unwrap(ipaddress.ip_address(address))",
           "parsed = ipaddress.ip_address(address)", _EGRESS),
    Mutant(52, "the address of the connection is not checked",
           "router/destinations/transport/egress.py",
           "    if is_denied(address[0], egress):\n        # Without", "    if not address:\n        # Without",
           _EGRESS),
    Mutant(53, "a body is read to its end", "router/destinations/transport/http_client.py",
           "while len(into) < limit and not content.at_eof():",
           "while not content.at_eof():", "tests/destinations/test_http.py"),
    Mutant(53, "an answer is unpacked", "router/destinations/transport/http_client.py",
           "auto_decompress=False", "auto_decompress=True", "tests/destinations/test_http.py"),
    Mutant(54, "the circuit never opens", "router/worker/delivery/circuit_breaker.py",
           "if self._in_a_row >= self._policy.failures or (failed and too_many):", "if False:",
           "tests/worker/delivery/test_circuit_breaker.py"),
    Mutant(55, "no_service is retried", "router/destinations/slack_errors.py",
           '    "no_service": _RENEW,\n', "",
           "tests/destinations/test_slack.py tests/destinations/test_slack_errors.py"
           " tests/destinations/test_contract_outcomes.py"),
    Mutant(56, "rollup_error is final", "router/destinations/slack_errors.py",
           '    "no_team": _RENEW,\n', '    "no_team": _RENEW,\n    "rollup_error": _RENEW,\n',
           "tests/destinations/test_slack.py tests/destinations/test_slack_errors.py"
           " tests/destinations/test_contract_outcomes.py"),
    Mutant(57, "a fact in Slack is not escaped", "router/destinations/rendering/slack_blocks.py",
           r"\n{_escape(fact.value)}", r"\n{fact.value}",
           "tests/destinations/rendering/test_slack_blocks.py"),
    Mutant(58, "a temporary reply of a mail server is final",
           "router/destinations/transport/smtp_replies.py",
           "return 500 <= code < 600", "return 400 <= code < 600",
           "tests/destinations/test_email.py tests/destinations/transport/test_smtp.py"
           " tests/destinations/test_contract_outcomes.py"),
    Mutant(59, "an encoded word stays in a header", "router/destinations/rendering/email_headers.py",
           '_PLAIN.fullmatch(text) and "=?" not in text', "_PLAIN.fullmatch(text)",
           "tests/destinations/test_email_headers.py"),
    Mutant(59, "line ends stay in a text", "router/destinations/rendering/text.py",
           'return cut(_UNSAFE.sub(" ", text[: 4 * limit]), limit)', "return cut(text, limit)",
           "tests/destinations/rendering/test_text.py tests/destinations/test_email.py"),
    Mutant(60, "a piece may end four processes", "router/worker/queue/poison.py",
           "_MAX_MARKS: Final = 2", "_MAX_MARKS: Final = 3",
           "tests/worker/queue/test_poison.py"),
    Mutant(61, "loops of templates have no limit", "router/destinations/rendering/templates.py",
           "LOOP_LIMIT: Final = 1000", "LOOP_LIMIT: Final = 10**12",
           "tests/destinations/rendering/test_templates.py"),
    Mutant(62, "a rejected reload counts as successful", "router/configuration/reload.py",
           "rules_last_reload_successful.set(0)", "rules_last_reload_successful.set(1)",
           "tests/configuration/test_reload.py -k a_broken_folder"),
    Mutant(62, "files that changed meanwhile are used", "router/configuration/load.py",
           "                if self.fingerprint() == before:\n                    return",
           "                if True:\n                    return",
           "tests/configuration/test_reload.py -k change_while_they_are_read"),
    Mutant(63, "what waits for a removed destination waits for ever",
           "router/worker/delivery/orphans.py", "if orphan.destination in expired:", "if False:",
           "tests/worker/delivery/test_orphans.py -k becomes_dead_letters"),
    Mutant(63, "what waits for a removed destination is given up at once",
           "router/worker/delivery/orphans.py", "if orphan.destination in expired:", "if True:",
           "tests/faults/test_reloads.py -k twenty"),
    Mutant(64, "a dead letter is replayed whether or not it is there",
           "router/journal/scripts/replay.lua",
           "if letter and reference_in(letter) == reference_in(record) then", "if old_id then",
           "tests/journal/test_dead_letters.py -k replayed_twice"),
    Mutant(65, "a settlement that fails is taken for recorded",
           "router/worker/delivery/settlement.py",
           "                    raise\n", "                    return\n",
           "tests/worker/delivery/test_delivery_job.py"),
    Mutant(66, "ingress goes on until Redis is full", "router/ingress/admission.py",
           "HIGH_WATERMARK: Final = 0.8", "HIGH_WATERMARK: Final = 2.0",
           "tests/ingress/test_endpoints.py -k before_redis_is_full"),
    Mutant(68, "connections may take all descriptors", "router/http/connection_limits.py",
           "else min(wanted, max(soft // divisor, 1))", "else wanted",
           "tests/http/test_connection_descriptors.py"),
    Mutant(69, "leases are not renewed", "router/worker/queue/queue_worker.py",
           "        await self._renew_leases()\n", "",
           "tests/worker/queue/test_queue_worker.py"),
    Mutant(70, "a set is deleted when it is read", _BEGIN, *_DELETES_WHAT_IT_READS,
           "tests/faults/test_soak.py -m slow"),
    Mutant(71, "each request is that of an operator", "router/api/access.py",
           "        if access.is_closed:\n", "        return await handler(request)\n        if access.is_closed:\n",
           "tests/http/test_openapi_endpoint.py -k closed_to_those"),
    Mutant(71, "a viewer may change things", "router/api/access.py",
           "if role is Role.OPERATOR and not caller.may_change:", "if False:",
           "tests/api/test_access.py"),
    Mutant(71, "a form is obeyed from another site", "router/console/pages.py",
           'if not self.sessions.is_token_of(visitor, form.text("csrf")):', "if False:",
           "tests/console/test_login.py -k a_form_needs"),
    Mutant(71, "a cookie is believed without its signature", "router/console/signed_texts.py",
           "if (found.role, found.name) == (role, name):", "if True:",
           "tests/console/test_signed_texts.py"),
    Mutant(71, "the page of an alert shows its rule as HTML", "router/api/alert_page_html.py",
           "<h1>{escape(summary)}", "<h1>{summary}",
           "tests/api/test_alert_page.py -k no_script"),
    Mutant(71, "a link to acknowledge may silence", "router/api/alert_page.py",
           "if action in _SILENCES and token.scope is Scope.SILENCE:",
           "if action in _SILENCES:",
           "tests/api/test_alert_page.py -k allows_nothing_else"),
    Mutant(72, "a reply is compared as it is only", "router/destinations/transport/redaction.py",
           "        further = view.decoded()\n", "        further = view\n",
           "tests/destinations/transport/test_redaction.py -k in_each_encoding"),
    Mutant(73, "a job is run whatever its record names", "router/journal/jobs.py",
           "return job.f == function and not job.k", "return True",
           "tests/worker/queue/test_queue_worker.py"),
    Mutant(74, "a delivery that was delivered twice is counted twice",
           "router/journal/scripts/mark_delivered.lua",
           "settled = settled + redis.call('HDEL', set, unpack(deliveries))",
           "settled = settled + #deliveries\n  redis.call('HDEL', set, unpack(deliveries))",
           "tests/faults/test_state_machine.py tests/journal/test_settlements.py"),
    Mutant(74, "a retry leaves the delivery where it was, too", "router/journal/scripts/retry.lua",
           "redis.call('HDEL', set, arguments.delivery_id)\nif number then", "if number then",
           "tests/faults/test_state_machine.py"),
    Mutant(74, "what a delivery of a mail replaces is not counted",
           "router/journal/scripts/follow.lua",
           "replace(lanes, set, id, record)", "redis.call('HSET', set, id, record)",
           "tests/journal/test_lanes_repeats.py tests/journal/test_lanes_histories.py"),
    Mutant(0, "the children of a shard are never read", "router/ingress/kinesis/assignment.py",
           "and all(parent in ended or parent not in listed for parent in shard.parents)",
           "and not shard.parents",
           "tests/ingress/kinesis/test_consumer_resharding.py"),
    Mutant(0, "a shard is never ended", "router/ingress/kinesis/stream.py",
           "batch = _batch(response, is_last=not iterator)",
           "batch = _batch(response, is_last=False)",
           "tests/ingress/kinesis/test_consumer_resharding.py"),
    Mutant(0, "a stream is its ARN", "router/journal/scripts/stream_open.lua",
           "if redis.call('HGET', checkpoints, 'created') == arguments.created then", "if true then",
           "tests/ingress/kinesis/test_consumer_identity.py"),
    Mutant(0, "a faulty shard stops all", "router/ingress/kinesis/reader.py",
           "except Exception as error:", "except ZeroDivisionError as error:",
           "tests/ingress/kinesis/test_consumer_failures.py -k stops_no_other"),
    Mutant(75, "all deliveries of a key are sent at once", "router/journal/scripts/lanes.lua",
           "  local is_sent = not is_busy(state, entered)\n", "  local is_sent = true\n",
           "tests/faults/test_key_order.py -k was_away_learns"),
    Mutant(75, "a dead letter is sent after what its receiver was told since",
           "router/journal/scripts/lanes.lua",
           "  if number < state[TOLD] then\n", "  if false then\n",
           "tests/faults/test_key_order.py -k replays"),
    Mutant(75, "a dead letter releases no lane", "router/journal/scripts/dead_letter.lua",
           "if arguments.key ~= '' then", "if false then",
           "tests/journal/test_lanes.py"),
    Mutant(75, "what waits overtakes the rest of an earlier mail",
           "router/journal/scripts/follow.lua",
           "if not state[OTHER_SETS] then take_along", "if true then take_along",
           "tests/journal/test_lanes_repeats.py"),
    Mutant(76, "a primary is written to while its successor is promoted",
           "router/journal/primary_watch.py",
           "                self._locator.suspend()\n", "                pass\n",
           "tests/faults/test_sentinel_failover.py"),
    Mutant(76, "connections stay with the former primary", "router/journal/primary_watch.py",
           "trust(sentinel)\n            await self._connection.follow()\n", "trust(sentinel)\n",
           "tests/journal/test_primary_watch.py"),
    Mutant(76, "a sentinel that is behind is believed", "router/journal/primary_locator.py",
           "answer.epoch >= self._wanted_epoch()", "answer.epoch >= 0",
           "tests/journal/test_primary_locator.py"),
)  # fmt: skip


def is_seen(mutant: Mutant) -> str:
    """Apply a mutant to a copy and run its tests; return what became of it."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT, symlinks=True)
        file = copy / mutant.file
        text = file.read_text() if file.exists() else ""
        if text.count(mutant.old) != 1:
            return "does not apply"
        file.write_text(text.replace(mutant.old, mutant.new))
        # In the copy's folder, so that its package is imported, by the children of tests too.
        done = subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-m", "pytest", "-q", "-x", "-n0", *mutant.tests.split()],
            cwd=copy,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    # 1: tests failed. Anything else is no verdict: no tests, wrong arguments, an interrupt.
    return {0: "SURVIVED", 1: "seen"}.get(done.returncode, f"no verdict: {done.stdout[-300:]}")


def main() -> None:
    """Try the mutants of the rows in the arguments, or all."""
    rows = {int(each) for each in sys.argv[1:]}
    verdicts = []
    for mutant in MUTANTS:
        if not rows or mutant.row in rows:
            verdicts.append(is_seen(mutant))
            print(f"{mutant.row:>3} {mutant.name:<60} {verdicts[-1]}", flush=True)  # noqa: T201
    sys.exit(any(each != "seen" for each in verdicts))


if __name__ == "__main__":
    main()
