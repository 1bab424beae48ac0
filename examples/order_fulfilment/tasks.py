"""What is done for an order, how it is undone, and the integration that puts it in order."""

from __future__ import annotations

from dataclasses import dataclass

from examples.order_fulfilment import shop
from perdure import (
    App,
    Exponential,
    PermanentError,
    Rollback,
    TaskContext,
    suspend,
    teardown,
    wait_for_signal,
    when,
)

app = App("order-fulfilment")


@dataclass(frozen=True)
class Reservation:
    """Pieces that were set aside."""

    pieces: int
    price: int


@dataclass(frozen=True)
class Parcel:
    """A parcel on its way."""

    tracking: str


@app.task
def release(ctx: TaskContext, order: str, sku: str, pieces: int) -> None:
    """Put the pieces of an order back."""
    with shop.books() as books:
        if shop.enter(books, ctx.idempotency_key, "released", order, sku, pieces):
            shop.take(books, sku, -pieces)


@app.task(rollback=release)
def reserve(ctx: TaskContext, order: str, sku: str, count: int) -> Reservation:
    """Set the pieces of an order aside."""
    if sku not in shop.PRICES:
        raise PermanentError(f"the shop does not sell {sku}; it has {', '.join(shop.PRICES)}", code="UNKNOWN_SKU")
    try:
        with shop.books() as books:
            if shop.enter(books, ctx.idempotency_key, "reserved", order, sku, count):
                shop.take(books, sku, count)
    except shop.OutOfStock as error:
        raise PermanentError(str(error), code="OUT_OF_STOCK") from error
    return Reservation(count, shop.PRICES[sku] * count)


@app.task(retry=Exponential(max_retries=3, interval="200ms"))
def refund(ctx: TaskContext, order: str, amount: int) -> None:
    """Pay the money for an order back."""
    with shop.books() as books:
        shop.enter(books, ctx.idempotency_key, "refunded", order, "amount", amount)


@app.task(rollback=Rollback(refund, hold=True), retry=Exponential(max_retries=2, interval="100ms"))
def charge(ctx: TaskContext, order: str, card: str, amount: int) -> int:
    """Take the money for an order from a card."""
    if card == "declined":
        raise PermanentError("the bank declined the card", code="CARD_DECLINED")
    with shop.books() as books:
        shop.enter(books, ctx.idempotency_key, "charged", order, "amount", amount)
    return amount


@app.task
def refuse(order: str, reason: str) -> None:
    """End an order that nobody approved."""
    raise PermanentError(f"order {order} was not approved: {reason}", code="NOT_APPROVED")


@app.task
def ship(ctx: TaskContext, order: str, address: str) -> Parcel:
    """Hand an order to the carrier."""
    if not address:
        raise PermanentError(f"order {order} has no address", code="NO_ADDRESS")
    ctx.message(f"handing {order} to the carrier")
    with shop.books() as books:
        shop.enter(books, ctx.idempotency_key, "shipped", order, address, 1)
    return Parcel(f"PARCEL-{order}")


@app.task
def close_books(ctx: TaskContext, order: str, code: str) -> None:
    """Note how an order came out, whatever that was."""
    with shop.books() as books:
        shop.enter(books, ctx.idempotency_key, "closed", order, code or "fulfilled", 1)


@app.integration(trigger="api_trigger/order", searchable=["order"])
def fulfil(order: str, sku: str, count: int = 1, card: str = "4242", address: str = "") -> str:
    """Reserve, charge, let somebody approve large amounts, ship, and wait until the carrier has collected."""
    reservation = reserve(order, sku, count)
    charge(order, card, reservation.price)
    with when(reservation.price > 500):
        decision = suspend("an order of more than 500: approve it?", expire_after="24h", remind_after="4h")
        with when(~decision.approved):
            refuse(order, decision.result)
    parcel = ship(order, address)
    wait_for_signal("collected", timeout="7d")
    with teardown() as failure:
        close_books(order, failure.code)
    return parcel.tracking
