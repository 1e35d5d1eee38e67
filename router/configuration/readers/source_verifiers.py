"""Read ``verify`` of a source: its verifiers with their options, over those of its preset."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from router.configuration.convert import Converter, describe_node
from router.configuration.foreign_keys import key_hint
from router.configuration.readers.destinations import texts_below, with_stand_ins
from router.configuration.variables import (
    EnvironmentVariables,
    MissingVariable,
    Substitutions,
    variable_names,
)
from router.configuration.yaml.document import Entry, MapNode, Node, Scalar, YamlDocument
from router.sources.contract import VerifierConfig
from router.sources.verifiers.kinds import VERIFIERS

VERIFY: Final = "verify"
_NONE: Final = "none"
_SHORT: Final = "secret"
_OTHER_STAND_INS: Final = ("192.0.2.0/24", "missing-variable-of-a-source")
"""Values of options that are no secrets, for variables that are not set."""


class VerificationReader:
    """Reads the verifiers of one source.

    Args:
        document: The document, to which problems are reported.
        entry: The name of the source and its keys.
        preset: ``verify`` of its preset; None if it has none.
        environ: The values of variables.
        missing: The treatment of variables that are not set.
    """

    def __init__(
        self,
        document: YamlDocument,
        entry: Entry,
        preset: MapNode | None,
        environ: Mapping[str, str],
        missing: MissingVariable,
    ) -> None:
        self._document = document
        self._entry = entry
        self._preset = preset
        self._environ = environ
        self._missing = missing

    def read(self) -> tuple[dict[str, VerifierConfig], tuple[str, ...]]:
        """Return the options of each verifier, and the variables that have no value."""
        node = self._entry.value.get(VERIFY) if isinstance(self._entry.value, MapNode) else None
        if isinstance(node, Scalar) and node.text == _NONE:
            self._warn_of_none(node)
            return {}, ()
        if node is not None and (not isinstance(node, MapNode) or not node.entries):
            hint = "write the verifiers with their options, or verify: none"
            found = "nothing" if isinstance(node, MapNode) else describe_node(node)
            self._document.report(node.span, f"verify: expected verifiers, found {found}", hint)
            return {}, ()
        chosen = self._chosen(node)
        if not chosen:
            if node is None:
                self._report_missing()
            return {}, ()
        if node is None and self._reports_missing(chosen):
            return {}, ()
        texts = [text for each in chosen for text in texts_below(each.value)]
        wanted = dict.fromkeys(name for text in texts for name in variable_names(text))
        values = Substitutions.of(wanted, self._environ)
        absent = tuple(name for name in wanted if not values.known.get(name))
        if self._missing is MissingVariable.ERROR or not absent:
            return self._convert(self._document, chosen, values) or {}, ()
        kinds = [VERIFIERS[entry.key.text].config for entry in chosen]
        found_configs = with_stand_ins(
            self._document,
            values,
            absent,
            (*dict.fromkeys(kind.stand_in for kind in kinds), *_OTHER_STAND_INS),
            lambda trial, given: self._convert(trial, chosen, given),
        )
        return found_configs or {}, absent

    def _report_missing(self) -> None:
        name = self._entry.key.text
        hint = "write the verifiers with their options; verify: none takes requests of anyone"
        self._document.report(self._entry.key.span, f'source "{name}" needs "verify"', hint)

    def _reports_missing(self, chosen: list[Entry]) -> bool:
        """Report that the verifier of the preset needs options, if it does."""
        for entry in chosen:
            config = VERIFIERS[entry.key.text].config
            given = {name for name, _ in _options(entry.value)}
            needed = [
                field.encode_name
                for field in msgspec.structs.fields(config)
                if field.required and field.encode_name not in given
            ]
            if needed:
                name = self._entry.key.text
                key = _SHORT if needed == [config.short_key] else entry.key.text
                example = re.sub(r"[^A-Z0-9]", "_", f"{name}_SECRET".upper())
                value = f'"${{{example}}}"'
                if key != _SHORT:
                    value = f"{{{', '.join(f'{each}: …' for each in needed)}}}"
                message = f'source "{name}" needs "verify": {entry.key.text} has no {needed[0]}'
                hint = f"write verify: {{{key}: {value}}}"
                self._document.report(self._entry.key.span, message, hint)
                return True
        return False

    def _warn_of_none(self, node: Scalar) -> None:
        name = self._entry.key.text
        hint = "name the verifiers, or restrict who reaches it: verify: {networks: …}"
        self._document.warn(node.span, f'source "{name}" takes requests of anyone', hint)

    def _chosen(self, node: MapNode | None) -> list[Entry]:
        """Return each verifier with the options of the source over those of the preset."""
        preset = self._preset.entries if self._preset is not None else ()
        own = {entry.key.text: entry for entry in (node.entries if node is not None else ())}
        known = {_SHORT, *(option for entry in preset for option in _option_names(entry))}
        short = {key: own.pop(key) for key in known - VERIFIERS.keys() if key in own}
        if own and not short and not any(entry.key.text in own for entry in preset):
            preset = ()  # another way to verify in place of that of the preset
        chosen = [self._merged(entry, own.pop(entry.key.text, None), short) for entry in preset]
        if short and not preset:
            message = "secret: there is no preset that says what it is the secret of"
            span = short[_SHORT].key.span
            self._document.report(span, message, "write for example hmac: {secret: …}")
        for entry in own.values():
            if entry.key.text in VERIFIERS:
                chosen.append(entry)
            else:
                message = f'there is no verifier "{entry.key.text[:60]}"'
                hint = key_hint(entry.key.text, (*VERIFIERS, *sorted(known)))
                self._document.report(entry.key.span, message, hint)
                self._document.hide(entry.value)
        return chosen

    def _merged(self, preset: Entry, own: Entry | None, short: Mapping[str, Entry]) -> Entry:
        """Return the options of a verifier of the preset, with those of the source."""
        options = dict(_options(preset.value))
        key, span = self._entry.key, self._entry.key.span
        for written, entry in short.items():
            names = _option_names(preset)
            name = written if written in names else VERIFIERS[preset.key.text].config.short_key
            options[name] = Entry(Scalar(entry.key.span, name, ""), entry.value)
            span = entry.key.span
        if own is not None:
            key, span = own.key, own.value.span
            options |= dict(_options(own.value))
        return Entry(Scalar(key.span, preset.key.text, ""), MapNode(span, tuple(options.values())))

    def _convert(
        self, document: YamlDocument, chosen: list[Entry], values: Substitutions
    ) -> dict[str, VerifierConfig] | None:
        converter = Converter(document, EnvironmentVariables(values), hide_unknown=True)
        configs: dict[str, VerifierConfig] = {}
        for entry in chosen:
            name = entry.key.text
            config = converter.convert(entry.value, VERIFIERS[name].config, name)
            if isinstance(config, VerifierConfig):
                configs[name] = config
                for warning in config.warnings():
                    named = (
                        entry.value.get(warning.key) if isinstance(entry.value, MapNode) else None
                    )
                    document.warn((named or entry.value).span, warning.message, warning.hint)
        return configs if len(configs) == len(chosen) else None


def _options(node: Node) -> Iterator[tuple[str, Entry]]:
    for entry in node.entries if isinstance(node, MapNode) else ():
        yield entry.key.text, entry


def _option_names(verifier: Entry) -> set[str]:
    config = VERIFIERS[verifier.key.text].config
    return {field.encode_name for field in msgspec.structs.fields(config)}
