from django import template

from activities.models import Activity
from activities.sentences import Sentence, Voice, tell

register = template.Library()


@register.simple_tag
def sentence(activity: Activity, voice: str = "staff") -> Sentence:
    """{% sentence activity "member" as said %}, then said.parts, said.details, said.tone, said.icon."""
    return tell(activity, voice=Voice(voice or "staff"))
