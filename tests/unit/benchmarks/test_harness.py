from __future__ import annotations

import io
import json

import pytest

from tests.benchmarks.harness import Figure, PlaybookFailed, Report, play, seconds


def test_a_figure_is_the_median_of_its_runs_beside_that_of_the_other():
    figure = Figure("create", "s", [4.0, 2.0, 9.0], "bare", [1.0, 2.0, 30.0])
    assert figure.as_dict() == {"name": "create", "value": 4.0, "unit": "s", "against": "bare", "against_value": 2.0, "ratio": 2.0, "runs": 3}


def test_a_figure_of_its_own_has_no_ratio():
    line = Figure("executions", "tasks", [41]).as_dict()
    assert (line["value"], line["against"], line["against_value"], line["ratio"], line["runs"]) == (41, None, None, None, 1)


def test_lines_are_for_programs_and_the_table_for_people():
    lines, people = io.StringIO(), io.StringIO()
    with Report("An order", lines, people) as report:
        report.say("measuring")
        report.add(Figure("create", "s", [2.0], "bare", [1.0]))
        assert json.loads(lines.getvalue())["ratio"] == 2.0  # at once, not at the end
    assert "create" in people.getvalue() and "2 ×" in people.getvalue()
    assert len(lines.getvalue().splitlines()) == 1


def test_what_is_done_before_a_run_is_not_measured():
    calls = []
    measured = seconds(lambda: calls.append("work"), runs=2, before=lambda: calls.append("before"))
    assert calls == ["before", "work", "before", "work"]
    assert len(measured) == 2


def test_executions_are_counted_by_task_host_and_item(tmp_path):
    playbook = tmp_path / "playbook.yml"
    playbook.write_text("""
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: each host}
    - ansible.builtin.debug: {msg: "{{ item }}"}
      loop: [1, 2, 3]
    - ansible.builtin.debug: {msg: never}
      when: false
    - ansible.builtin.set_fact: {a: 1}
      run_once: true
""")
    played = play(str(playbook), "-i", "one,two,", environment={"ANSIBLE_HOME": str(tmp_path)})
    assert played.executed == {"ansible.builtin.debug": 2 + 2 * 3, "ansible.builtin.set_fact": 1}
    assert played.skipped == {"ansible.builtin.debug": 2}
    assert played.executions == 9
    assert played.seconds > 0


def test_a_playbook_that_fails_is_not_measured(tmp_path):
    playbook = tmp_path / "playbook.yml"
    playbook.write_text("- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.fail: {msg: broken on purpose}}]}\n")
    with pytest.raises(PlaybookFailed, match="broken on purpose"):
        play(str(playbook), "-i", "one,", environment={"ANSIBLE_HOME": str(tmp_path)})


def test_a_figure_may_be_another_quantile_than_the_median():
    hundred = [float(number) for number in range(100, 0, -1)]
    figure = Figure("claim p99", "s", hundred, "budget", [3.0, 9.0], quantile=0.99)
    assert (figure.as_dict()["value"], figure.as_dict()["against_value"]) == (99.0, 9.0)
    assert Figure("claim p99", "s", [5.0], quantile=0.99).as_dict()["value"] == 5.0
