"""An app whose executions wait for people, and undo what they did."""

from dataclasses import dataclass

from perdure import App, Rollback, parallel, suspend, wait_for_signal

app = App("cli-purchases")


@dataclass
class Payment:
    amount: int


@app.task()
async def release(sku: str) -> None:
    if sku == "stuck":
        raise ValueError("cannot be released")


@app.task(rollback=Rollback(release, hold=True))
async def reserve(sku: str, count: int) -> int:
    return count


@app.task()
async def ship(sku: str, count: int) -> int:
    if sku == "stuck":
        raise ValueError("no truck")
    return count


@app.integration()
def purchase(sku: str, count: int = 1) -> int:
    """Reserve, ask, and wait for the payment."""
    reserve(sku, count)
    suspend("May it go?", id="ask")
    payment = wait_for_signal("paid", Payment, id="payment")
    return payment.amount


@app.integration()
def shipment(sku: str, count: int = 1) -> int:
    """Reserve and ship."""
    reserved = reserve(sku, count)
    return ship(sku, reserved)


@app.integration()
def contract() -> None:
    """Ask two people at once."""
    with parallel():
        suspend("Is it legal?", by=["ann"], id="law")
        suspend("Is it paid for?", by=["bob"], id="money")
