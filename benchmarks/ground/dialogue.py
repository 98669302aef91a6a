"""Lines as games have them, no two alike: barks, orders, questions, long speeches, numbers, invented names."""

import random
from collections.abc import Iterator

_SLOTS = {
    "name": ("Mara,Oswin,Xalthar,Bram,Qeth,Tamsin,Vorrundil,Ilse,Corin,Thessaly,Kaldris,Orrin,Marwen,Zheth,Halvard"),
    "place": (
        "the harbour,the old mill,Mirebrook,the north gate,Saltmarsh,the chapel,the cellar,the lighthouse,"
        "Karak Dun,the river,the watchtower,the smithy,the long bridge,Ashfall,the market,the quarry,"
        "the ferry,the crypt"
    ),
    "thing": (
        "lantern,key,letter,rope,hammer,map,bell,sword,bottle,crown,barrel,horse,cloak,candle,"
        "ledger,ring,shield,boat,knife,mirror,basket,compass,pistol,sack of flour,silver coin,"
        "broken wheel,bundle of wool,box of nails"
    ),
    "verb": ("bring,take,hide,burn,sell,carry,bury,fetch,keep,drop,find,open,steal,mend,count"),
    "when": (
        "before dawn,at nightfall,when the tide turns,tomorrow,in the morning,after the feast,at 9:30,"
        "within an hour,when the bell rings twice,by the end of the week,on the third day,as soon as it rains"
    ),
    "who": (
        "the captain,my brother,the miller,a stranger,the queen,the baker's daughter,the ferryman,"
        "your father,the guard,the old woman,the smith,the priest,a child,the hangman,two soldiers,"
        "the king's men"
    ),
    "mood": ("angry,tired,quiet,afraid,happy,sorry,certain,hungry,ready,patient,alone,lost"),
    "number": ("2,3,5,7,12,14,20,35,60,100,250,400,1200,3000"),
    "year": ("1066,1348,1492,1666,1789,1815,1984,2010"),
}
_TEMPLATES = (
    "Yes!",
    "No!",
    "Behind you!",
    "Get down!",
    "Fire!",
    "Over here!",
    "Wait.",
    "Not now.",
    "Help me!",
    "Run, {name}!",
    "{name}!",
    "Hold the line!",
    "What was that?",
    "Look out!",
    "To {place}!",
    "Follow me.",
    "Who is there?",
    "It hurts!",
    "Reloading!",
    "I see {who}.",
    "{name}, stop.",
    "Leave the {thing}.",
    "Are you {mood}?",
    "I am {mood}.",
    "Go, {when}!",
    "You will {verb} the {thing} {when}.",
    "Where is the {thing}, {name}?",
    "I left the {thing} near {place}.",
    "{who} was seen at {place} {when}.",
    "There are {number} of them at {place}.",
    "It costs {number} crowns, not less.",
    "Nobody has been to {place} since {year}.",
    "Do not {verb} the {thing}, whatever {who} says.",
    "If {who} asks, tell them that the {thing} is at {place}.",
    "{name} is {mood}, and so am I.",
    "We need {number} more days, and we need them {when}.",
    "Take the {thing} to {name}, and be back {when}.",
    "I have waited {number} years for this, {name}.",
    "Why would {who} {verb} a {thing}?",
    "You look {mood}. Sit down, and tell me about {place}.",
    "They will {verb} everything that we own, {name}.",
    "First the {thing}, then the {thing}; that is how {who} does it.",
    "When I was young, {who} walked from {place} to {place} with nothing but a {thing}.",
    "Listen to me, {name}: {verb} the {thing}, and do not come back to {place} until {who} is gone.",
    "There was a {thing} on the table, a {thing} on the floor, and {number} candles that nobody had lit.",
    "I was {mood} that night. {who} had taken the {thing}, the road to {place} was closed, and it rained.",
    "My lord, the gates of {place} are open. {who} let them in {when}, and they have {number} horses with them.",
    "You ask what I want? I want my {thing}, I want {number} crowns, and I want {name} to say that he was wrong.",
)


def lines(seed: int, count: int) -> list[str]:
    """Return so many different lines; barks are repeated by games, too, but not here."""
    return list(_distinct(random.Random(seed), count))


def _distinct(dice: random.Random, count: int) -> Iterator[str]:
    seen: set[str] = set()
    while len(seen) < count:
        text = _filled(dice, dice.choice(_TEMPLATES))
        if text not in seen:
            seen.add(text)
            yield text


def _filled(dice: random.Random, template: str) -> str:
    text = template
    for slot, choices in _SLOTS.items():
        while f"{{{slot}}}" in text:
            text = text.replace(f"{{{slot}}}", dice.choice(choices.split(",")), 1)
    return text[:1].upper() + text[1:]
