"""Data of Conversations events: conversations, their participants and messages.

Written by ``make schemas`` from ``twilio/conversations.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Conversation" (schema Conversations.ConversationAdded/2),
"Message" (MessageAdded/2), "Participant" (ParticipantAdded/2, ParticipantRemoved/2,
ParticipantUpdated/2) and "User" (UserAdded/2, UserUpdated/2) of Event Streams, and these schemas.
Types whose fields could not be read there have no Struct.
"""

import msgspec


class MessagingBinding(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The addresses between which messages go."""

    address: str | None = None
    proxy_address: str | None = None
    projected_address: str | None = None
    author_address: str | None = None
    type: str | None = None
    level: str | None = None
    name: str | None = None


class EmailBinding(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The sender of mail."""

    name: str | None = None
    projected_address: str | None = None


class ConversationBindings(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Addresses by channel."""

    email: EmailBinding | None = None


class ConversationMedia(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A file of a message."""

    media_sid: str | None = None
    filename: str | None = None
    content_type: str | None = None
    size: int | None = None


class ConversationCreation(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """``data`` of ``Conversations.ConversationAdded/2``: a conversation that was created."""

    account_sid: str | None = None
    conversation_sid: str | None = None
    friendly_name: str | None = None
    unique_name: str | None = None
    state: str | None = None
    attributes: dict[str, str] | None = None
    date_created: str | None = None
    messaging_service_sid: str | None = None
    message_body: str | None = None
    message_subject: str | None = None
    messaging_binding: MessagingBinding | None = None
    bindings: ConversationBindings | None = None
    author_friendly_name: str | None = None
    media: list[ConversationMedia] | None = None


class ConversationMessage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """``data`` of ``Conversations.MessageAdded/2``: a message of a conversation."""

    account_sid: str | None = None
    conversation_sid: str | None = None
    message_sid: str | None = None
    participant_sid: str | None = None
    author: str | None = None
    index: int | None = None
    message_body: str | None = None
    message_subject: str | None = None
    attributes: dict[str, str] | None = None
    date_created: str | None = None
    messaging_service_sid: str | None = None
    content_sid: str | None = None
    media: list[ConversationMedia] | None = None


class ConversationParticipant(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A participant of a conversation."""

    account_sid: str | None = None
    conversation_sid: str | None = None
    participant_sid: str | None = None
    identity: str | None = None
    role_sid: str | None = None
    attributes: dict[str, str] | None = None
    date_created: str | None = None
    date_updated: str | None = None
    messaging_binding: MessagingBinding | None = None


class ConversationUser(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A user of the SDK."""

    account_sid: str | None = None
    user_sid: str | None = None
    identity: str | None = None
    friendly_name: str | None = None
    role_sid: str | None = None
    attributes: dict[str, str] | None = None
    date_created: str | None = None
    date_updated: str | None = None
    is_online: bool | None = None
    is_notifiable: bool | None = None
