"""Chats, and what transformers' apply_chat_template makes of them: the oracle of runtime/text/jinja and of what is done to
messages before a template sees them."""
import datetime
import json

import transformers
from transformers.utils import chat_template_utils

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


class Today(datetime.datetime):
    """strftime_now of one day."""
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 24)


class Oracle:
    def __init__(self, model):
        chat_template_utils.datetime = Today
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(model)
        for name in self.tokenizer.SPECIAL_TOKENS_ATTRIBUTES:
            setattr(self.tokenizer, name, TOKENS.get(name))

    def render(self, template, messages, **given):
        """None where the template, or what comes before it, refuses."""
        try:
            return self.tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **given)
        except Exception:  # of whatever kind: Python's own ones come through as they are
            return None


CHATS = [
    [{"role": "user", "content": "Hi"}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What news?"}],
    [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"}, {"role": "user", "content": "Three\n\nlines "}],
    [{"role": "user", "content": "  spaces  "}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."},
     {"role": "user", "content": "café “x” 日本 <|im_end|> {{ x }} {% y %}"}],
    [{"role": "system", "content": ""}, {"role": "user", "content": ""}],
    # What Hugging Face does to messages first: fields that are null go, and reasoning gets its other names.
    [{"role": "user", "content": "Why?", "name": None}, {"role": "assistant", "content": "So.", "reasoning": "because", "tool_calls": None},
     {"role": "user", "content": "Sure?"}, {"role": "assistant", "content": None, "thinking": "hm", "reasoning_content": None}],
    [{"role": "user", "content": [{"type": "text", "text": "In"}, {"type": "image"}, {"type": "text", "text": "parts"}]}],
    [{"role": "assistant", "content": "first"}, {"role": "critic", "content": "No.", "reasoning_content": "r", "thinking": "t"}],
    [{"role": "user", "content": None}],
    [],
]


CHATS_WITH_TOOLS = [
    [{"role": "system", "content": "Use tools."}, {"role": "user", "content": "Weather in Paris?"},
     {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather",
      "arguments": {"city": "Paris", "days": 3, "exact": True, "limit": None, "share": 0.5}}}]},
     {"role": "tool", "content": "{\"sky\": \"clear\"}"}, {"role": "tool", "content": "second"}, {"role": "user", "content": "Thanks"}],
    [{"role": "user", "content": "Two calls"}, {"role": "assistant", "content": "Now.", "tool_calls": [
        {"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": [1, {"y": "é \" \\ </tool>"}]}}]},
     {"role": "tool", "content": "ok"}],
    # As Mistral's templates want calls: each with an id.
    [{"role": "system", "content": "Use tools."}, {"role": "user", "content": "Sum?"},
     {"role": "assistant", "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": "2"}}}]},
     {"role": "tool", "tool_call_id": "abcdefghi", "name": "add", "content": "3"}, {"role": "assistant", "content": " 3. "},
     {"role": "user", "content": "Thanks"}],
    [{"role": "user", "content": "Sum?"}, {"role": "assistant", "content": None, "tool_calls": [
        {"id": "short", "function": {"name": "add", "arguments": {"a": 1}}}]}, {"role": "tool", "tool_call_id": "short", "content": {"content": 3}}],
]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells the weather \u2014 \"now\"",
          "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
                         "required": ["city"]}}}]


def of(oracle, template):
    cases = []
    for messages in CHATS + CHATS_WITH_TOOLS:
        for tools in (None, TOOLS):
            for variables in ({}, {"enable_thinking": False}, {"enable_thinking": True}):
                for prompt in (True, False):
                    given = {**variables, **({"tools": tools} if tools else {})}
                    cases.append({"messages": messages, "add_generation_prompt": prompt, "variables": {**TOKENS, **given},
                                  "text": oracle.render(template, messages, add_generation_prompt=prompt, **given)})
    return cases


def language(oracle):
    """Small templates, one construct each, with what Hugging Face makes of them (null: an error)."""
    import jinja_corpus
    message = [{"role": "user", "content": "x"}]
    cases = [{"template": source, "text": oracle.render(source, message, **jinja_corpus.VARIABLES)} for source in jinja_corpus.TEMPLATES]
    for source in jinja_corpus.NOT_SUPPORTED:
        assert oracle.render(source, message, **jinja_corpus.VARIABLES) is not None, source
    return {"variables": {**TOKENS, **jinja_corpus.VARIABLES}, "cases": cases, "not_supported": jinja_corpus.NOT_SUPPORTED}
