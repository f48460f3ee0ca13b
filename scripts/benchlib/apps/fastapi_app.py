"""The same as flask_app.py with FastAPI."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/item/{number}")
async def item(number: int, colour: str = "none"):
    return {"number": number, "colour": colour}
