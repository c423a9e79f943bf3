"""An estimate in words, a line each."""

from __future__ import annotations

from rl.estimates.estimate import Estimate
from rl.estimates.states import states

GB = 1e9


def answer(found: Estimate) -> list[str]:
    """What a dry run prints first: whether it fits, or what to change; how long it takes, by which rates."""
    return [*_fit(found), *_time(found)]


def details(found: Estimate) -> list[str]:
    """What it prints below its checks: what the answer comes from."""
    sizes = found.sizes.describe()
    return [
        _line("launch", found.setup.launch.describe() + (", on a CPU" if found.setup.cpu else "")),
        *([_line("sizes", f"{sizes} (rollouts, by this estimate where the recipe does not say)")] if sizes else []),
        *_memory(found),
        *_tokens(found),
    ]


def _line(name: str, text: str) -> str:
    return f"{name:<10} {text}"


def _memory(found: Estimate) -> list[str]:
    setup = found.setup
    trained = f"{_count(setup.trained)} of them trained beside" if setup.trained else "all trained"
    device, host = states(setup)[0], found.memory.host
    kept = ", ".join(f"{name} {_size(size)}" for name, size in device.items())
    away = ", ".join(f"{name} {_size(size)}" for name, size in host.items())
    micro = f"{setup.micro_rows} x {setup.length} tokens" if setup.packed is None else f"{setup.tokens} tokens, packed"
    if setup.sequence_ranks > 1:
        micro += f" and shared by {setup.sequence_ranks} ranks"
    phases = [
        _line("", f"{phase}: {_size(sum(parts.values()))} ({_largest(parts)})")
        for phase, parts in found.memory.phases.items()
    ]
    return [
        _line("parameters", f"{_count(setup.shape.parameters)}, {trained}"),
        _line("a rank", kept + (f"; in its host's memory {away}" if host else "")),
        _line("peak", f"{_size(found.memory.peak)} a rank, micro-batches of at most {micro}:"),
        *phases,
    ]


def _largest(parts: dict[str, float]) -> str:
    ranked = sorted(parts.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {_size(size)}" for name, size in ranked if size)


def _fit(found: Estimate) -> list[str]:
    if found.room is None:
        return []
    room = _size(found.room)
    if found.fits:
        engine = found.memory.phases[found.memory.worst].get("vLLM") if found.sizes.share is not None else None
        sized = f", {_size(engine)} of it vLLM, which is given what training leaves" if engine else ""
        return [_line("fits", f"yes: a rank needs {_size(found.memory.peak)} of {room}{sized}")]
    given = [_line("NO FIT", f"needs {_size(found.memory.peak)}, has {room}; change, in this order:")]
    given += [_line("", f"{remedy.text}: then {_size(remedy.peak)}") for remedy in found.remedies]
    enough = bool(found.remedies) and found.remedies[-1].peak <= found.room
    return (
        given if enough else [*given, _line("", "none of this is enough: more ranks, larger devices, a smaller model")]
    )


def _tokens(found: Estimate) -> list[str]:
    rounds, prompts, rates = found.rounds, found.prompts, found.rates
    how = "assumed" if prompts.assumed else "counted"
    length = (
        "at full budgets, so at most" if rates.length_share is None else f"at {rates.length_share:.0%} of the budget"
    )
    lowest, highest = min(rounds.caps), max(rounds.caps)
    caps = f"{highest:.0f}" if lowest == highest else f"{lowest:.0f} to {highest:.0f}"
    drawn = rounds.drawn
    sampled = "" if drawn.whole == 1 else f", made of {drawn.whole * rounds.rollouts:.0f} that are sampled"
    sampled += f" and {drawn.branches * rounds.rollouts:.0f} branches" if drawn.branches else ""
    return [
        _line("prompts", f"{prompts.mean:.0f} tokens in the mean, {prompts.longest} at most ({how})"),
        _line("run", f"{rounds.count} rounds of {rounds.rollouts} rollouts, stopped at {caps} tokens{sampled}"),
        _line("tokens", f"{_range(found.sampled_tokens)} sampled, {length}{_dropped(found)}"),
        _line("compute", f"{_range(found.sampling_flops)}FLOP to sample, {_count(found.training_flops)}FLOP to train"),
        *_traffic(found),
    ]


def _traffic(found: Estimate) -> list[str]:
    """What an update sends besides gradients, where it does."""
    between, host, card = found.traffic.between, found.traffic.host, found.rates.of_card
    said = [f"{_count(between)}B between the ranks that share micro-batches"] if between else []
    said += [f"{_count(host)}B to host memory and back"] if host else []
    if not said:
        return []
    hours = _hours(found.traffic.seconds(card, found.setup.launch.ranks) / 3600)
    how = f"{hours} by the data sheet of {card.name}" if card else "not in the time: give --rates with card"
    return [_line("traffic", f"{', '.join(said)}; {how}")]


def _dropped(found: Estimate) -> str:
    if found.rounds.most_draws == 1:
        return ""
    if found.rates.kept is not None:
        return f", {found.rates.kept:.0%} of groups kept"
    return f" (no group dropped, or all {found.rounds.most_draws} draws of each round needed)"


def _time(found: Estimate) -> list[str]:
    if found.hours is None:
        return [
            _line("time", "not known: give --rates with card, or with tokens_per_second and tflops, or --calibrate")
        ]
    least, most = (f"{_hours(hours)}{_price(found, place)}" for place, hours in enumerate(found.hours))
    devices = f"{found.devices} device{'s' * (found.devices > 1)}"
    more = [_line("", f"at most {most}: all {found.rounds.most_draws} draws of each round needed")]
    dropped = ", no group dropped" if least != most else ""
    return [
        _line("time", f"{least} on {devices}{dropped}; evaluations not counted"),
        *(more if dropped else []),
        _line("rates", f"{_rate(found)} of a rank or worker"),
        *_schedules(found),
    ]


def _schedules(found: Estimate) -> list[str]:
    """By when rounds close, relative to a round that waits for all."""
    if not found.schedules:
        return []
    base = found.schedules["synchronous"]
    each = [f"{name} {_hours(hours)} ({base / hours:.2f} times as fast)" for name, hours in found.schedules.items()]
    each[0] = f"synchronous {_hours(base)}"
    return [_line("schedules", "; ".join(each) + "; simulated, for lengths with a long tail")]


def _price(found: Estimate, place: int) -> str:
    """In the currency of the price, whichever that is."""
    if found.cost is None:
        return ""
    return f" (costs {found.cost[place]:,.2f}, at {found.rates.price_per_hour:g} an hour and device)"


def _rate(found: Estimate) -> str:
    """Sampling by the engine, and training; of each whether it was given, or reckoned from a data sheet."""
    rates, card, said = found.rates, found.reckoned, []
    for given, own, unit in (
        (rates.tokens_per_second, card and card.tokens_per_second, f"tokens/s sampled by {found.setup.engine}"),
        (rates.tflops, card and card.tflops, "TFLOP/s trained"),
    ):
        if given is not None:
            said.append(f"{given:,.3g} {unit} (given)" if given < 1000 else f"{given:,.0f} {unit} (given)")
        elif own is not None:
            said.append(f"{own:,.0f} {unit} (reckoned from the data sheet of {rates.card}, not measured)")
    *first, last = said
    reckoned = last[last.find(" (") :]
    return ", ".join([*(each.removesuffix(reckoned) for each in first), last])


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.1f} min"
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"


def _size(size: float) -> str:
    return f"{size / GB:.1f} GB" if size >= GB else f"{size / 1e6:.0f} MB"


def _range(given: tuple[float, float]) -> str:
    return " to ".join(dict.fromkeys(_count(each) for each in given))


def _count(number: float | None) -> str:
    found = float(number or 0)
    for unit, size in (
        ("Y", 1e24),
        ("Z", 1e21),
        ("E", 1e18),
        ("P", 1e15),
        ("T", 1e12),
        ("G", 1e9),
        ("M", 1e6),
        ("k", 1e3),
    ):
        if found >= size:
            return f"{found / size:.3g} {unit}"
    return f"{found:.0f} "
