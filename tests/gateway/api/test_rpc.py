"""The gateway's RPC client against a real nameko service and a real broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest

from deploy.servers import PrivateBroker
from gateway.rpc import RpcClient, connector
from gateway.rpc_errors import RemoteFault, Unanswered
from services.kernel.errors import Unavailable, ValidationError
from tests.gateway.api.echo_process import EchoProcess


@pytest.fixture(scope="module")
def rabbit(broker_to_kill: PrivateBroker) -> PrivateBroker:
    broker_to_kill.start()
    return broker_to_kill


@pytest.fixture(scope="module")
def echo(rabbit: PrivateBroker) -> Iterator[EchoProcess]:
    with EchoProcess(rabbit.url) as process:
        yield process


@pytest.fixture
def rpc(rabbit: PrivateBroker, echo: EchoProcess) -> Iterator[RpcClient]:
    client = RpcClient(connector(rabbit.url, heartbeat_s=2), timeout_s=10)
    yield client
    client.close()


def test_a_call_carries_the_request_the_actor_and_the_call_id(rpc: RpcClient) -> None:
    answer = rpc.call("echo", "say", {"word": "été"}, actor="signed", call_id="http-1")
    assert answer["request"] == {"word": "été"}
    assert answer["actor"] == "signed"
    assert answer["stack"][0] == "http-1"


def test_an_error_of_a_room_arrives_as_itself_with_its_problems(rpc: RpcClient) -> None:
    with pytest.raises(ValidationError) as caught:
        rpc.call("echo", "refuse", {})
    assert caught.value.message == "Non."
    assert caught.value.details == [{"line": 3, "field": "siret", "value": None, "why": "faux", "remedy": "vrai"}]


def test_a_bug_of_a_room_and_an_unknown_method_are_faults_that_name_the_call(rpc: RpcClient) -> None:
    with pytest.raises(RemoteFault, match=r"echo\.break_down: ZeroDivisionError: oops"):
        rpc.call("echo", "break_down", {})
    with pytest.raises(RemoteFault, match=r"echo\.nothing: MethodNotFound"):
        rpc.call("echo", "nothing", {})


def test_an_absent_room_is_told_at_once(rpc: RpcClient) -> None:
    started_at = monotonic()
    with pytest.raises(Unavailable, match="pas en marche"):
        rpc.call("nobody", "say", {})
    assert monotonic() - started_at < 2


@pytest.mark.alone
def test_a_slow_answer_ends_in_time_and_its_late_reply_disturbs_nobody(rpc: RpcClient) -> None:
    started_at = monotonic()
    with pytest.raises(Unanswered):
        rpc.call("echo", "sleep", {"for_s": 1.0}, timeout_s=0.3)
    assert monotonic() - started_at < 0.8
    assert rpc.call("echo", "say", {"n": 2})["request"] == {"n": 2}
    sleep(1.0)
    assert rpc.call("echo", "say", {"n": 3})["request"] == {"n": 3}


def test_many_threads_each_get_their_own_answer(rpc: RpcClient) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: rpc.call("echo", "say", {"n": n})["request"]["n"], range(200)))
    assert answers == list(range(200))


def test_a_call_beyond_the_pool_waits_for_a_place_no_longer_than_its_timeout(
    rabbit: PrivateBroker, echo: EchoProcess
) -> None:
    rpc = RpcClient(connector(rabbit.url), size=1)
    busy = threading.Thread(target=lambda: rpc.call("echo", "sleep", {"for_s": 1.5}))
    busy.start()
    sleep(0.3)
    with pytest.raises(Unavailable, match="en cours"):
        rpc.call("echo", "say", {}, timeout_s=0.3)
    busy.join()
    assert rpc.call("echo", "say", {"n": 1})["request"] == {"n": 1}
    rpc.close()


def test_an_idle_connection_outlives_several_heartbeats(rpc: RpcClient) -> None:
    rpc.call("echo", "say", {})
    kept = rpc._idle[0]
    sleep(6)  # three heartbeats of 2 s: a silent connection would have been closed by the broker
    assert rpc.call("echo", "say", {"n": 1})["request"] == {"n": 1}
    assert kept in rpc._idle


def test_a_request_that_waited_longer_than_its_asker_is_never_carried_out(rabbit: PrivateBroker) -> None:
    rpc = RpcClient(connector(rabbit.url))
    with EchoProcess(rabbit.url, name="napper") as napper:
        assert rpc.call("napper", "count", {})["calls"] == 1
        sleep(1)  # nameko acknowledges after it answered: killed in between, it would be asked again
        napper.stop()  # its durable queue stays behind and takes questions
        with pytest.raises(Unanswered):
            rpc.call("napper", "count", {}, timeout_s=0.3)
    with EchoProcess(rabbit.url, name="napper"):
        assert rpc.call("napper", "count", {})["calls"] == 1
    rpc.close()


def test_after_a_restart_of_the_broker_calls_work_again(rpc: RpcClient, rabbit: PrivateBroker) -> None:
    assert rpc.call("echo", "say", {"n": 1})["request"] == {"n": 1}
    rabbit.stop()
    started_at = monotonic()
    with pytest.raises(Unavailable, match="courtier"):
        rpc.call("echo", "say", {})
    assert monotonic() - started_at < 4
    rabbit.start()
    assert _eventually(lambda: rpc.call("echo", "say", {"n": 2}, timeout_s=2)["request"]) == {"n": 2}


@pytest.mark.alone
def test_a_repeatable_call_survives_the_loss_of_its_connection(rpc: RpcClient, rabbit: PrivateBroker) -> None:
    with ThreadPoolExecutor(1) as pool:
        once = pool.submit(rpc.call, "echo", "count", {"for_s": 2.0}, timeout_s=10)
        sleep(0.4)
        rabbit.cut_connections()
        with pytest.raises(Unanswered):
            once.result()
        again = pool.submit(rpc.call, "echo", "count", {"for_s": 1.0}, timeout_s=20, repeatable=True)
        sleep(0.4)
        rabbit.cut_connections()
        assert again.result()["calls"] >= 1


def _eventually(ask: Any, within_s: float = 20) -> Any:
    give_up_at = monotonic() + within_s
    while True:
        try:
            return ask()
        except (Unavailable, Unanswered):
            if monotonic() > give_up_at:
                raise
            sleep(0.2)


def test_who_closes_the_client_waits_no_longer_for_what_was_not_answered(
    rabbit: PrivateBroker, echo: EchoProcess
) -> None:
    rpc = RpcClient(connector(rabbit.url), timeout_s=20)
    threading.Timer(0.5, rpc.close).start()
    started_at = monotonic()
    with pytest.raises(Unanswered):
        rpc.call("echo", "sleep", {"for_s": 4.0})
    assert monotonic() - started_at < 2
