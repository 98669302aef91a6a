"""`python -m benchmarks.rivals.user_script URL FOLDER FIRST COUNT CONCURRENT`: what one writes in an afternoon.

asyncio, httpx and a semaphore; a refusal is waited out and tried again; each line becomes a file.
"""

import asyncio
import sys
from pathlib import Path

import httpx

from benchmarks.ground.lines import text


async def speak(client: httpx.AsyncClient, permits: asyncio.Semaphore, folder: Path, number: int) -> None:
    """Have one line spoken and write it down."""
    said = {"model": "minimax-speech-hd", "input": text("script", number), "voice_id": "English_Pilot"}
    while True:
        async with permits:
            answer = await client.post("/v1/audio/speech", json=said)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            break
        await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))
    answer.raise_for_status()
    await asyncio.to_thread((folder / f"{number}.mp3").write_bytes, answer.content)


async def main(url: str, folder: Path, first: int, count: int, concurrent: int) -> None:
    """Have all lines spoken."""
    permits = asyncio.Semaphore(concurrent)
    limits = httpx.Limits(max_connections=concurrent, max_keepalive_connections=concurrent)
    headers = {"Authorization": "Bearer stub"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(speak(client, permits, folder, number) for number in range(first, first + count)))


if __name__ == "__main__":
    url, folder, *numbers = sys.argv[1:]
    asyncio.run(main(url, Path(folder), *map(int, numbers)))
