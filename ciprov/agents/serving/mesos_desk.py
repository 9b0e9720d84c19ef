"""What goes onto which Mesos agent: the offers at hand, the ledger of tasks, and what Mesos is asked and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ciprov.agents.serving.books import FRAMEWORK, Books
from ciprov.agents.template import Template
from ciprov.domain import mesos_events as events
from ciprov.domain.mesos_events import MesosEvent
from ciprov.domain.mesos_scheduler import EventQueue, Framework, MesosScheduler
from ciprov.foundation.json import JsonObject
from ciprov.framework import attention, reconciliation
from ciprov.framework.attention import Attention, Suppress
from ciprov.framework.deciding import decide
from ciprov.framework.decisions import Decline, Held, Launch, Placement
from ciprov.framework.ledger import book
from ciprov.framework.ledger.book import Ledger, Step
from ciprov.framework.ledger.effects import Acknowledge, Effect, Ended, Forget, Kill, Persist, SendLaunch
from ciprov.framework.ledger.entry import Entry
from ciprov.framework.ledger.status import StatusUnreadable, parse_status
from ciprov.framework.ledger.upkeep import Patience, kept_up
from ciprov.framework.offer_parsing import OfferUnreadable, inverse_offer_id, parse_offer
from ciprov.framework.offers import Offer
from ciprov.framework.reconciliation import Reconciliation
from ciprov.framework.requests import Request
from ciprov.framework.state import Memory, Policy, State

HOLD_S = 0.02
"""So long offers wait for requests that are about to be ready. Of the 0.1 s for each, the rest is for writing."""
_TOLD_SOON = timedelta(seconds=1)
_AFTER_LOSS_S = 1.0
_GIVEN_UP_LATER_S = 60.0
_SOON = timedelta(seconds=HOLD_S)

TaskInfos = Callable[[Launch, Sequence[Placement]], Sequence[JsonObject]]
"""The tasks of a launch, in the order of its placements. Raises nothing."""


class MesosDesk:
    """Owned by the loop's thread. What it decides is noted in `books` and done once that is written."""

    def __init__(
        self, drivers: Callable[[], MesosScheduler], books: Books, roles: Sequence[str], task_infos: TaskInfos
    ) -> None:
        self._drivers = drivers
        self._driver = drivers()
        self._books = books
        self._roles = tuple(roles)
        self._task_infos = task_infos
        self._offers: dict[str, tuple[Offer, datetime]] = {}
        self._attention = Attention()
        self._reconciliation: Reconciliation | None = None
        self._memory = Memory()
        self._sending: dict[str, datetime] = {}
        self.patience = Patience()
        self.policy = Policy()
        self.ledger = Ledger()
        self.framework_id = ""
        self.subscribed = False
        self.held: Mapping[str, Held] = {}

    @property
    def memory(self) -> Memory:
        return self._memory

    @property
    def offers_at_hand(self) -> int:
        return len(self._offers)

    def recovered(self, entries: Iterable[Entry], framework_id: str, now: datetime) -> None:
        """What an earlier life left; before anything else."""
        self.framework_id = framework_id
        self._take(book.recovered(entries, now), now)

    def follow(self, templates: Iterable[Template]) -> None:
        """What the settings say of them. No task is given up before its agent is: that tells Jenkins first."""
        templates = tuple(templates)
        self.policy = replace(self.policy, weights={each.name: each.weight for each in templates})
        longest = max((each.limits.unreachable_s for each in templates), default=0.0)
        self.patience = replace(self.patience, unreachable=max(Patience().unreachable, longest + _GIVEN_UP_LATER_S))

    def start(self, framework: Framework, inbox: EventQueue) -> None:
        """Subscribe, as the framework that this one was before if it was one."""
        self._driver.start(replace(framework, id=self.framework_id), inbox)

    def leave(self) -> None:
        """The tasks run on."""
        self._driver.stop()

    def heard(self, event: MesosEvent, now: datetime) -> None:
        """Every event of the driver."""
        match event:
            case events.Subscribed():
                self._registered(event, now)
            case events.Disconnected():
                self.subscribed = False
                self._offers.clear()
            case events.Offers():
                for offer in event.offers:
                    self._offered(offer, now)
            case events.Rescinded():
                self._offers.pop(event.offer_id, None)
                self._ask_about(reconciliation.with_offer(self.ledger, event.offer_id), now)
            case events.InverseOffers():
                self._agree(event.offers)
            case events.Update():
                self._updated(event, now)
            case events.Failure() if not event.executor_id:
                self._ask_about(reconciliation.on_agent(self.ledger, event.agent_id), now)
            case events.CallLost():
                self._call_lost(event, now)
            case _:
                pass

    def gone(self, now: datetime) -> None:
        """The framework was removed, with all its tasks. The next `start` makes another one."""
        self._take(book.torn_down(self.ledger, now), now)
        self._driver.stop()
        self._driver = self._drivers()
        self.subscribed = False
        self._offers.clear()
        self.framework_id = ""
        self._books.drop(FRAMEWORK)

    def stop(self, task_ids: Iterable[str], now: datetime) -> None:
        self._take(book.stop(self.ledger, task_ids, now), now)

    def task(self, task_id: str) -> Entry | None:
        return self.ledger.entries.get(task_id)

    def is_confirmed(self, task_id: str) -> bool:
        """Whether Mesos told of it since this service registered there, so that `task` is no old news."""
        return self.subscribed and self._reconciliation is not None and task_id not in self._reconciliation.open

    def keep_up(self, now: datetime) -> None:
        """What time alone brings; about every second."""
        # A call that did not go out is told soon. After that it counts as sent, and reconciliation tells.
        sent = [task_id for task_id, since in self._sending.items() if now >= since + _TOLD_SOON]
        for task_id in sent:
            del self._sending[task_id]
        self._take(book.sent(self.ledger, sent, now), now)
        unconfirmed = {entry.task_id for entry in self.ledger.live() if not self.is_confirmed(entry.task_id)}
        self._take(kept_up(self.ledger, self.patience, now, unconfirmed), now)
        if self._reconciliation is not None and self.subscribed:
            self._reconciliation, calls = reconciliation.due(self._reconciliation, self.ledger, now)
            for call in calls:
                self._books.then(partial(self._driver.reconcile, call.tasks))

    def place(self, requests: Sequence[Request], coming: Sequence[Request], now: datetime) -> tuple[Launch, ...]:
        """Give places to `requests`. `coming` are about to be ready: offers wait a little for them."""
        if not self.subscribed:
            return ()
        self._attend(requests, coming, now)
        oldest = min((at for _, at in self._offers.values()), default=None)
        if oldest is None and not requests:
            self.held = {}
            return ()
        if coming and not requests and oldest is not None and now < oldest + _SOON:
            return ()
        decisions = decide(requests, [offer for offer, _ in self._offers.values()], self._state(bool(coming)), now)
        self._memory = decisions.memory
        self.held = {held.request_id: held for held in decisions.held if held.funnel is not None}
        self._take(book.intend(self.ledger, decisions.launches, lambda placement: placement.request_id, now), now)
        if coming and oldest is not None and now < oldest + _SOON:
            used = {offer_id for launch in decisions.launches for offer_id in launch.offer_ids}
            self._offers = {offer_id: kept for offer_id, kept in self._offers.items() if offer_id not in used}
        else:
            self._offers = {}
            self._decline(decisions.declines)
        return decisions.launches

    def _decline(self, declines: Iterable[Decline]) -> None:
        """In few calls, after the launches: calls go out one after the other."""
        by_filter: dict[float, list[str]] = {}
        for decline in declines:
            by_filter.setdefault(decline.filter_s, []).append(decline.offer_id)
        for filter_s, offer_ids in by_filter.items():
            self._books.then(partial(self._driver.decline, offer_ids, filter_s=filter_s))

    def wake_at(self, now: datetime) -> datetime | None:
        """When `place` has to be asked again, whatever happens: offers that are kept have to be answered."""
        oldest = min((at for _, at in self._offers.values()), default=None)
        return None if oldest is None else max(now, oldest + _SOON)

    def _state(self, hurried: bool) -> State:
        policy = replace(self.policy, idle_filter=0.2, unfit_filter=0.2) if hurried else self.policy
        return State(self.ledger.placed(), self._memory, policy=policy)

    def _attend(self, requests: Sequence[Request], coming: Sequence[Request], now: datetime) -> None:
        """Asked before the decision, from what waits: offers are wanted as soon as an agent is."""
        waiting = {request.id for request in (*requests, *coming) if request.id not in self.ledger.entries}
        wanted: dict[str, set[str]] = {}
        for request in (*requests, *coming):
            if request.id in waiting:
                for role in request.roles:
                    wanted.setdefault(role, set()).add(request.id)
        ready = frozenset() if self._offers else frozenset(request.id for request in requests)
        self._attention, calls = attention.attend(
            self._attention, {role: frozenset(ids) for role, ids in wanted.items()}, now, ready
        )
        for call in calls:
            act = self._driver.suppress if isinstance(call, Suppress) else self._driver.revive
            self._books.then(partial(act, call.roles))

    def _registered(self, event: events.Subscribed, now: datetime) -> None:
        self.subscribed = True
        self._offers.clear()
        if event.framework_id != self.framework_id:
            self.framework_id = event.framework_id
            self._books.put(FRAMEWORK, {"id": event.framework_id})
        self._attention = attention.registered(self._roles)
        self._reconciliation = reconciliation.registered(self.ledger, now)

    def _offered(self, offer: JsonObject, now: datetime) -> None:
        try:
            parsed = parse_offer(offer)
        except OfferUnreadable as error:
            offer_id = error.offer_id
            if offer_id:
                self._books.then(partial(self._driver.decline, [offer_id], filter_s=60.0))
            return
        self._offers[parsed.id] = (parsed, now)

    def _agree(self, inverse_offers: Iterable[JsonObject]) -> None:
        """To a planned maintenance. Each offer of its agent tells of it; that it was dropped is told nowhere else."""
        for inverse in inverse_offers:
            offer_id = inverse_offer_id(inverse)
            if offer_id:
                self._books.then(partial(self._driver.accept_inverse, [offer_id]))

    def _updated(self, event: events.Update, now: datetime) -> None:
        try:
            status = parse_status(event.status)
        except StatusUnreadable:
            return
        if self._reconciliation is not None:
            if reconciliation.is_premature(self._reconciliation, self.ledger, status, now):
                return
            self._reconciliation = reconciliation.heard(self._reconciliation, status.task_id)
        self._take(book.updated(self.ledger, status, now), now)

    def _call_lost(self, event: events.CallLost, now: datetime) -> None:
        if event.type != "ACCEPT":
            return
        # Mesos waits for an answer without end. Where the ACCEPT arrived after all, this one is passed over.
        self._books.then(partial(self._driver.decline, list(event.ids), filter_s=_AFTER_LOSS_S))
        offers = set(event.ids)
        tasks = [entry.task_id for entry in self.ledger.live() if offers & set(entry.offer_ids)]
        if not event.perhaps_done:
            self._take(book.not_sent(self.ledger, tasks, event.reason, now), now)
        self._ask_about(tasks, now)

    def _ask_about(self, tasks: Iterable[str], now: datetime) -> None:
        if self._reconciliation is not None:
            self._reconciliation = reconciliation.asking_about(self._reconciliation, tasks, now)

    def _take(self, step: Step, now: datetime) -> None:
        self.ledger = step.ledger
        for effect in step.effects:
            self._note(effect, now)

    def _note(self, effect: Effect, now: datetime) -> None:
        # The present one: by the time that it is done, another framework may have begun.
        driver = self._driver
        match effect:
            case Persist():
                self._books.tasks(effect.entries)
            case Forget():
                self._books.without_tasks(effect.task_ids)
            case Ended():
                pass  # the ledger tells
            case SendLaunch():
                self._books.then(partial(self._send, driver, effect, now))
            case Acknowledge():
                self._books.then(partial(driver.acknowledge, _status(effect)))
            case Kill():
                self._books.then(partial(driver.kill, effect.task_id, agent_id=effect.agent_id))

    def _send(self, driver: MesosScheduler, effect: SendLaunch, now: datetime) -> None:
        launch = effect.launch
        driver.launch(launch.offer_ids, self._task_infos(launch, launch.placements), filter_s=launch.filter_s)
        self._sending.update(dict.fromkeys(effect.task_ids, now))


def _status(effect: Acknowledge) -> JsonObject:
    return {
        "task_id": {"value": effect.task_id},
        "agent_id": {"value": effect.agent_id},
        "uuid": effect.uuid,
    }
