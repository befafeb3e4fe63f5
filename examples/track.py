"""Follow objects through a video: our detections, ByteTrack's numbers.

pip install supervision trackers
python examples/track.py clip.mp4 tracked.mp4 [best.weights.h5]
"""

import sys
from pathlib import Path

import cv2
import supervision as sv
from trackers import ByteTrackTracker

sys.path.insert(0, str(Path(__file__).parents[1]))
from inference import load


def main(source: str, target: str, *weights: str) -> None:
    """Draw a number on each object that keeps it from frame to frame."""
    video = sv.VideoInfo.from_video_path(source)
    detector = load(*weights, threshold=0.1)  # ByteTrack goes on with the weak ones
    limits = {"track_activation_threshold": 0.5, "high_conf_det_threshold": 0.4}
    tracker = ByteTrackTracker(frame_rate=video.fps, **limits)
    boxes, labels = sv.BoxAnnotator(), sv.LabelAnnotator()
    with sv.VideoSink(target, video) as sink:
        for frame in sv.get_video_frames_generator(source):  # BGR
            found = detector(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            objects = tracker.update(
                sv.Detections(found.boxes, None, found.scores, found.class_ids)
            )
            objects = objects[objects.tracker_id != -1]
            names = [detector.class_names[at - 1] for at in objects.class_id]
            pairs = zip(objects.tracker_id, names, strict=True)
            texts = [f"{number} {name}" for number, name in pairs]
            frame = boxes.annotate(frame, objects)
            sink.write_frame(labels.annotate(frame, objects, texts))


if __name__ == "__main__":
    main(*sys.argv[1:])
