"""Which models a caption source takes, and how a model of each kind is asked.

BLIP-2 goes on from a plain text. LLaVA-1.5 and Qwen2-VL are chat models: the prompt is what a user says beside the
picture, in the words of the model's own template (a Jinja text in its folder, run in transformers' sandbox).
"""

from typing import Any

from pipeline_lib.common.errors import InputError, bad_value

FAMILIES = {
    "blip2": ("blip-2",),
    "llava": ("llava", "llava_next"),
    "qwen2-vl": ("qwen2_vl", "qwen2_5_vl"),
}
# Folders of LLaVA-1.5 made before templates existed have none; this is the form on its model card.
LLAVA_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] if part['type'] == 'image' %}USER: <image>\n"
    "{% endfor %}{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }} "
    "{% endfor %}{% endfor %}ASSISTANT:"
)
# BLIP takes the prompt's last token, its end mark, off before it goes on.
UNREPEATED = {"blip": 1}
# It also takes the first place of a prompt for its beginning, and counts places from there.
UNPADDED = ("blip",)


def check_model_type(model_type: Any, source: str, where: str) -> None:
    """Refuse a model of another kind than ``caption.source`` says, or one that does not write about images.

    Raises
    ------
    InputError
        Naming the kind, and the source that would fit.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as WRITERS

    allowed = FAMILIES.get(source, tuple(WRITERS))
    if model_type in allowed:
        return
    fitting = next((name for name, types in FAMILIES.items() if model_type in types), "model")
    cure = f"set caption.source to {fitting}" if model_type in WRITERS else "take a model that writes about images"
    kinds = "an image-to-text model of transformers" if source == "model" else allowed
    raise bad_value("model_type", model_type, kinds, where=where, cure=cure)


def use_chat_template(processor: Any, model_type: str, where: str) -> None:
    """Give a chat model's processor the template that its folder has in another place or lacks.

    Raises
    ------
    InputError
        If a chat model has no template.
    """
    chats = any(model_type in FAMILIES[source] for source in ("llava", "qwen2-vl"))
    if not chats or processor.chat_template:
        return
    processor.chat_template = processor.tokenizer.chat_template
    if not processor.chat_template and model_type == "llava":
        processor.chat_template = LLAVA_TEMPLATE
    if not processor.chat_template:
        raise InputError(f"{where}: no chat template (chat_template.jinja); copy the whole folder again")


def conversation(image: Any, prompt: str) -> list[dict[str, Any]]:
    """What a user says beside a picture, as a chat template reads it."""
    return [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": prompt}]}]
