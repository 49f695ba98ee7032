"""Small templates, one construct each, and the variables that they see."""
import os

VARIABLES = {
    "n": 7, "zero": 0, "f": 2.5, "s": "Hello", "empty": "", "yes": True, "no": False, "nothing": None, "list": [3, 1, 2],
    "words": ["b", "A", "c"], "nested": [[1, 2], ["x", {"k": None}]], "d": {"a": 1, "b": {"c": [True, 0.1]}, "items": "field"},
    "people": [{"name": "Ann", "age": 30}, {"name": "Bob", "age": 20}, {"name": "Cid"}], "u": "naïve “x” 日本 \U0001f44d", "spaces": "  a b\u00a0 ",
}

TEMPLATES = r"""
{{ s }}|{{ n }}|{{ f }}|{{ yes }}|{{ nothing }}|{{ missing }}|{{ list }}|{{ d }}|{{ nested }}|{{ u }}
{{ [1, 'a', "it's", 'q"q', "both'\"", none, true, 1.0, 1e20, 1e-7, 0.0001, 123456789.123] }}
{{ ['tab\t', 'nl\n', 'é', 'back\\slash', '\u2014', '\x01'] }}
{{ 1 + 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 * 3.5 }} {{ 1 - 5 }}
{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -n }} {{ +n }} {{ - -n }} {{ 10 - 2 - 3 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }}
{{ 'a' + 'b' }} {{ 'a' ~ 1 ~ none ~ true ~ 1.5 }} {{ 'ab' * 3 }} {{ [1] + [2, 3] }} {{ 'x' * 0 }}|
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 3 > 2 >= 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ 1 != 2 }} {{ [1] == [1] }} {{ {'a': 1} == {'a': 1} }}
{{ 1 in list }} {{ 5 in list }} {{ 5 not in list }} {{ 'el' in s }} {{ 'a' in d }} {{ 'x' in missing }} {{ not 1 in list }}
{{ yes and no }} {{ yes or no }} {{ not yes }} {{ 0 or 'x' }} {{ '' and 1 }}| {{ missing or 'd' }} {{ n and s }} {{ not not s }}
{{ 'a' if yes else 'b' }} {{ 'a' if no else 'b' }} {{ 'a' if no }}| {{ 1 if 0 else 2 if 0 else 3 }}
{{ s[0] }} {{ s[-1] }} {{ s[1:3] }} {{ s[::-1] }} {{ s[:2] }} {{ s[2:] }} {{ s[::2] }} {{ s[10:] }}| {{ u[2:4] }} {{ s[-3:-1] }} {{ s[100] }}|
{{ list[0] }} {{ list[-1] }} {{ list[1:] }} {{ list[::-1] }} {{ list[:] }} {{ list[5] }}| {{ list[::-2] }} {{ list[-10:10] }} {{ list[2:0:-1] }}
{{ d.a }} {{ d['a'] }} {{ d.b.c[0] }} {{ d['b']['c'][1] }} {{ d.zzz }}| {{ d['zzz'] }}| {{ nothing.x }}| {{ s.x }}| {{ n.x }}| {{ list.0 }}
{{ missing.x }}
{{ missing['x'] }}
{{ d.zzz.y }}
{{ missing + 1 }}
{{ 1 / 0 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ [] < 1 }}
{{ d.get('a') }} {{ d.get('q') }} {{ d.get('q', 5) }} {{ d.keys() | list }} {{ d.values() | list }} {{ d.items() | list }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }};{% endfor %}
{% for c in 'héy' %}{{ c }}.{% endfor %}
{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}
{% for x in list if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }};{% endfor %}
{% for x in [] %}x{% else %}none{% endfor %}|{% for x in missing %}x{% else %}none{% endfor %}|{% for x in list if x > 9 %}x{% else %}none{% endfor %}
{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}|{% for x in list %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in list %}{% for y in words %}{{ x }}{{ y }}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}
{% for a, b in [[1, 2], [3, 4]] %}{{ a }}-{{ b }};{% endfor %}|{% for (a, b) in [(1, 2)] %}{{ a + b }}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in nothing %}{% endfor %}
{% for x in range(3) %}{{ x }}{% endfor %}|{{ range(2, 8, 3) | list }}|{{ range(3, 0, -1) | list }}|{{ loop }}
{% for x in list %}{{ loop.cycle('a', 'b') }}{% endfor %}
{% set x = 1 %}{{ x }}{% set x = x + 1 %}{{ x }}{% if yes %}{% set x = 9 %}{% endif %}{{ x }}
{% set x = 1 %}{% for i in list %}{% set x = i %}{{ x }}{% endfor %}{{ x }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}
{% set ns = namespace(x=0, y='q') %}{% for i in list %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.zzz }}
{% set d.a = 5 %}
{% set t %}in {{ s }} block{% endset %}[{{ t }}]{% set t | upper %}x{{ n }}{% endset %}{{ t }}
{% filter upper %}abc{{ n }}{% endfilter %}|{% filter replace('a', 'b') | trim %} aaa {% endfilter %}
{% macro m(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(1, c='q') }}|{{ m(b=1, a=0) }}
{% macro m(a) %}{{ a }}{{ s }}{{ missing }}{% endmacro %}{{ m('x') | upper }}{{ m() }}{% set r = m('y') %}{{ r ~ '!' }}
{% macro f(k) %}{% if k > 0 %}{{ k }}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(4) }}
{% macro w() %}<{{ caller() }}>{% endmacro %}{% call w() %}body {{ n }}{% endcall %}
{% macro w(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) w(3) %}got {{ y }}{% endcall %}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(q=2) }}
{{ no_such_function() }}
{{ raise_exception('stop') }}
{% if no %}{{ raise_exception('stop') }}{% else %}fine{% endif %}
{{ s | upper }} {{ s | lower }} {{ 'a bc dE' | title }} {{ 'aBC' | capitalize }} {{ s | length }} {{ list | length }} {{ d | count }} {{ missing | length }}
{{ spaces | trim }}|{{ spaces.strip() }}|{{ spaces.lstrip() }}|{{ spaces.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.lstrip('yx') }}|{{ 'ab\n'.rstrip('\n') }}|{{ 'xax' | trim('x') }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'abc'.split('x') }} {{ ' a b  c '.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }}
{{ s.startswith('He') }} {{ s.endswith('x') }} {{ s.startswith(('a', 'He')) }} {{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 1) }} {{ s.upper() }} {{ s.lower() }} {{ s.title() }}
{{ ', '.join(words) }} {{ words | join }} {{ words | join('-') }} {{ people | join(',', attribute='name') }} {{ s.find('l') }} {{ s.find('z') }} {{ s.count('l') }} {{ '12'.isdigit() }}
{{ 'a\nb\r\nc'.splitlines() }}
{{ s | replace('l', 'L') }} {{ s | first }} {{ s | last }} {{ list | first }} {{ list | last }} {{ [] | first }}| {{ s | list }} {{ s | reverse }} {{ list | reverse | list }}
{{ list | sort }} {{ list | sort(reverse=true) }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ people[:2] | sort(attribute='age') | map(attribute='name') | list }}
{{ [1, 2, 1, 'a', 'a'] | unique | list }} {{ list | sum }} {{ people[:2] | sum(attribute='age') }} {{ d | dictsort }} {{ d | items | list }}
{{ people | map(attribute='name') | list }} {{ people | map(attribute='age', default=0) | list }} {{ words | map('upper') | list }} {{ words | map('replace', 'b', 'z') | join }}
{{ people | selectattr('age') | map(attribute='name') | list }} {{ people | selectattr('name', 'equalto', 'Bob') | list }} {{ people | rejectattr('name', 'in', ['Ann']) | map(attribute='name') | list }}
{{ list | select('odd') | list }} {{ list | reject('odd') | list }} {{ [0, 1, '', none] | select | list }} {{ list | select('gt', 1) | list }}
{{ missing | default('x') }} {{ empty | default('x') }}| {{ empty | default('x', true) }} {{ nothing | default('x') }} {{ missing | d('y') }} {{ no | default('z', boolean=true) }}
{{ '42' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 3.9 | int }} {{ '3.9' | int }} {{ '2.5' | float }} {{ n | float }} {{ -3 | abs }} {{ n | string + 'x' }} {{ true | int }}
{{ '<a href="x">&\'' | escape }} {{ '<b>' | e }} {{ '<b>' | safe }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(1, blank=true) }}
{{ d | tojson }} {{ list | tojson }} {{ s | tojson }} {{ u | tojson }} {{ none | tojson }} {{ true | tojson }} {{ 1.0 | tojson }} {{ 'q"\\\n\t\x08' | tojson }} {{ [] | tojson }} {{ {} | tojson }}
{{ d | tojson(indent=2) }} {{ nested | tojson(indent=0) }} {{ u | tojson(ensure_ascii=true) }} {{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ list | tojson(separators=(',', ':')) }}
{{ missing | tojson }}
{{ 'x' is string }} {{ n is number }} {{ n is integer }} {{ f is float }} {{ yes is boolean }} {{ yes is number }} {{ list is sequence }} {{ d is mapping }} {{ d is iterable }} {{ n is iterable }} {{ s is mapping }}
{{ missing is defined }} {{ missing is undefined }} {{ missing is not defined }} {{ nothing is none }} {{ nothing is defined }} {{ yes is true }} {{ no is false }} {{ n is true }}
{{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }} {{ n is eq 7 }} {{ n is equalto(7) }} {{ n is ne 8 }} {{ n is gt 6 }} {{ n is in [7] }} {{ n is not in [8] }} {{ 1 is sameas 1 }}
{{ 'b' if n is odd and s is string else 'c' }} {{ 1 if missing is defined else 2 }} {{ (n is odd) ~ 'x' }} {{ not n is odd }}
{{ s | no_such_filter }}
{{ s is no_such_test }}
{{ s.no_such_method() }}
{{ list.append(1) }}
{{ "a" "b" 'c' }} {{ 'a\'b' }} {{ "a\"b" }} {{ 'A\u00e9\x41' }} {{ '\q' }} {{ 1_000 }} {{ 1e3 }} {{ 1.5e-3 }}
{{ {'a': 1, 'b': [1, {'c': 2}]} }} {{ {'a': {'b': {}}} }} {{ (1, 2)[0] }} {{ [[1], [2]][1][0] }} {{ {'x': 5}.x }} {{ {}['q'] }}|
{{ (1) }} {{ [1, 2,] }} {{ {'a': 1,} }} {{ () | length }} {{ (1,) | list }}
a {# comment #} b {#- trim -#} c {# {{ s }} #} d
  {% if yes %}
    x
  {% endif %}
end
a {%- if yes -%} b {%- endif -%} c
{{- s -}} x {{ s -}} y {{- s }}
{%+ if yes %}x{% endif %} {% if yes +%}
y{% endif %}
line {{ '}}' }} {{ "%}" }} {% if '%}' %}z{% endif %} { { } } {x} {
{% if %}x{% endif %}
{% for x in %}{% endfor %}
{{ }}
{{ x y }}
{% endif %}
{% if yes %}x
{% unknown %}
{{ [1, 2 }}
{{ 'open }}
{{ 1 + }}
{% set %}
{% generation %}kept {{ n }}{% endgeneration %}
{{ strftime_now('%d %B %Y') }} {{ strftime_now('%Y-%m-%d %a %A %b %j') }} {{ strftime_now is defined }} {{ raise_exception is defined }}
{{ dict(a=1, b=[2]) }} {{ dict(d, a=5).a }} {{ dict() }}
{% if n > 5 %}a{% elif n > 3 %}b{% else %}c{% endif %}{% if n > 9 %}a{% elif n > 3 %}b{% else %}c{% endif %}{% if n > 9 %}a{% elif n > 8 %}b{% else %}c{% endif %}{% if no %}x{% endif %}
{% break %}
{{ [1, 2, 3][1:][0] }} {{ 'abc'[1:][0] }} {{ (list | sort)[0] }} {{ s.upper().lower().replace('h', 'j') }}
{{ list | sort | reverse | join(',') }} {{ s | upper | lower | first }} {{ -5 | abs }} {{ 'a' ~ 'b' | upper }} {{ 1 + 2 | string | length }}
{{ 0.1 + 0.2 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 1.0 }} {{ 100000.0 * 10 }} {{ 3.0 * 2 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }}
{{ 'x' in ['x', 'y'] and 'y' in 'xyz' }} {{ ('a' in 'abc') == true }} {{ none in [none] }}
{{ 9 * 'a' if 0 else 'b' * 2 }} {{ true + 1 }} {{ yes | string }} {{ none | string }} {{ [none, true] | join(',') }}
""".strip("\n").split("\n")
# The few that need more than one line.
_MULTI = {"  {% if yes %}": 3, "{%+ if yes %}x{% endif %} {% if yes +%}": 2}


def _join(lines):
    joined, i = [], 0
    while i < len(lines):
        count = _MULTI.get(lines[i], 1)
        joined.append("\n".join(lines[i:i + count]))
        i += count
    return joined


TEMPLATES = _join(TEMPLATES)



def _lines(name):
    """One template a line, with ⏎ for a line end within one."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return [line.replace("⏎", "\n") for line in file.read().splitlines()]


TEMPLATES += _lines("jinja_templates.txt")
# What Hugging Face renders and the project does not: refused with the line, never rendered wrong.
NOT_SUPPORTED = _lines("jinja_not_supported.txt")
